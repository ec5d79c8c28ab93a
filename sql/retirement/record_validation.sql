-- Remembers what came of a validation, and since when it comes to that.
--
-- Locks: ROW EXCLUSIVE on inventory_ops.validation, one row.

INSERT INTO inventory_ops.validation AS known (name, passed)
VALUES (:name, :passed)
ON CONFLICT (name) DO UPDATE
SET
  passed = excluded.passed,
  since = CASE WHEN known.passed = excluded.passed THEN known.since ELSE excluded.since END,
  evaluated_at = excluded.evaluated_at
RETURNING known.name;
