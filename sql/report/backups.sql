-- The backups of the current deployment, with what was copied into each.
--
-- Locks: none.

SELECT
  backup.backup,
  backup.rows,
  backup.content,
  backup.copied_at,
  coalesce(pg_total_relation_size(to_regclass(backup.backup)), 0) AS bytes
FROM inventory_ops.backup
WHERE backup.backup LIKE 'inventory.%'
ORDER BY backup.backup;
