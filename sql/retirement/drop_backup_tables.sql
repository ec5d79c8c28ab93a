-- Retires stock_financial_backup, stock_lifecycle_backup and stock_metrics_backup; those of earlier deployments stay.
--
-- Locks: ACCESS EXCLUSIVE on the three tables for an instant.
-- Again: refused, since the tables are gone.

BEGIN;

-- The gates are open, so nobody needs them. Never CASCADE: what is built on them is somebody's.
-- squawk-ignore ban-drop-table
DROP TABLE inventory.stock_financial_backup, inventory.stock_lifecycle_backup, inventory.stock_metrics_backup;

UPDATE inventory_ops.ledger
SET finished_at = clock_timestamp()
WHERE ledger.step = 'drop_backup_tables' AND ledger.finished_at IS NULL AND ledger.reverted_at IS NULL;

COMMIT;
