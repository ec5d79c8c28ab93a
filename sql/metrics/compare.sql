-- Compares the read model with what its query gives, and repairs it.
--
-- Locks: an advisory lock, so that nobody refreshes meanwhile; ACCESS SHARE on stock for the length of one scan.

SELECT comparison.missing, comparison.wrong, comparison.phantom, comparison.examples
FROM inventory_ops.compare_stock_metrics() AS comparison;
