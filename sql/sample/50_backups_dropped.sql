-- A month later: the backups are dropped, too.
--
-- Locks: ACCESS EXCLUSIVE on the three tables, to the end of the transaction.

-- As it was done.
-- squawk-ignore ban-drop-table
DROP TABLE inventory.stock_financial_backup CASCADE;

-- squawk-ignore ban-drop-table
DROP TABLE inventory.stock_lifecycle_backup CASCADE;

-- squawk-ignore ban-drop-table
DROP TABLE inventory.stock_metrics_backup CASCADE;
