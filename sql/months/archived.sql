-- The months that left a table, oldest first.
--
-- Locks: ACCESS SHARE on the record.

SELECT
  archived_month.month,
  archived_month.path,
  archived_month.row_count AS rows,
  archived_month.bytes,
  archived_month.sha256,
  archived_month.archived_at,
  archived_month.dropped_at
FROM inventory_ops.archived_month
WHERE archived_month.relation = :relation
ORDER BY archived_month.month;
