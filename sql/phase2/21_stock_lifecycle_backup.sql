-- A full copy of inventory.stock_lifecycle as inventory.stock_lifecycle_backup, proven equal to it.
--
-- Locks: ACCESS SHARE on stock_lifecycle for the length of the copy; readers and writers go on.
-- Again: refused while the backup exists; a copy that did not finish leaves nothing behind.

BEGIN ISOLATION LEVEL REPEATABLE READ;

SELECT inventory_ops.back_up('inventory.stock_lifecycle');

COMMIT;
