-- stock_financial_backup holds exactly what stock_financial held in the snapshot that it was copied in.
--
-- Asset: inventory/stock_financial_backup
-- Locks: ACCESS SHARE on the backup for the length of the query.
-- Means: The backup was altered since: it can no longer be trusted to bring back the old table.
-- Until: drop_backup_tables

SELECT
  (found.rows, found.content) IS NOT DISTINCT FROM (copied.rows, copied.content) AS passed,
  copied.rows AS copied_records,
  found.rows AS backup_records,
  copied.content AS copied_content,
  found.content AS backup_content,
  copied.copied_at
FROM inventory_ops.fingerprint('inventory.stock_financial_backup') AS found
LEFT JOIN inventory_ops.backup AS copied ON copied.backup = 'inventory.stock_financial_backup';
