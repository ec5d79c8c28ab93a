-- A full copy of inventory.stock_metrics as inventory.stock_metrics_backup, proven equal to it.
--
-- Locks: ACCESS SHARE on stock_metrics for the length of the copy; readers and writers go on.
-- Again: safe; a backup of ours is left alone, a table of that name that is not ours is refused.

BEGIN ISOLATION LEVEL REPEATABLE READ;

SELECT inventory_ops.back_up('inventory.stock_metrics');

COMMIT;
