-- A full copy of inventory.stock_financial as inventory.stock_financial_backup, proven equal to it.
--
-- Locks: ACCESS SHARE on stock_financial for the length of the copy; readers and writers go on.
-- Again: refused while the backup exists; a copy that did not finish leaves nothing behind.

BEGIN ISOLATION LEVEL REPEATABLE READ;

SELECT inventory_ops.back_up('inventory.stock_financial');

COMMIT;
