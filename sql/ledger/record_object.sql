-- Records which statement of which step and version made an object.
--
-- Locks: ROW EXCLUSIVE on the record, one row.

INSERT INTO inventory_ops.made_object AS known (object, statement, step, version)
VALUES (:object, :statement, :step, :version)
ON CONFLICT (object) DO UPDATE
SET
  statement = excluded.statement,
  step = excluded.step,
  version = excluded.version,
  made_by = excluded.made_by,
  made_at = excluded.made_at
RETURNING known.object;
