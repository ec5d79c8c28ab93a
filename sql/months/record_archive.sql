-- Records that a month was written to a file, which was read back and compared.
--
-- Locks: ROW EXCLUSIVE on the record, one row.

INSERT INTO inventory_ops.archived_month AS known (relation, month, path, row_count, bytes, sha256)
VALUES (:relation, CAST(:month AS date), :file, :rows, :bytes, :sha256)
ON CONFLICT (relation, month) DO UPDATE
SET
  path = excluded.path,
  row_count = excluded.row_count,
  bytes = excluded.bytes,
  sha256 = excluded.sha256,
  archived_at = excluded.archived_at,
  archived_by = excluded.archived_by,
  dropped_at = NULL
RETURNING known.month;
