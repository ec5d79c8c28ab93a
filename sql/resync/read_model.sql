-- In how many rows the read model differs from what its query gives, without a change in the queue that says so.
--
-- Locks: ACCESS SHARE on stock and the read model for the length of the query.

SELECT count(*) AS differing
FROM inventory_ops.stock_metrics_differences('inventory_ops.stock_metrics_read_model') AS found
WHERE NOT found.is_announced;
