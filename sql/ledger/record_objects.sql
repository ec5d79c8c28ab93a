-- Records which statement of which step and version made each of some objects. The arrays are equally long.
--
-- Locks: ROW EXCLUSIVE on the record, one row an object.

INSERT INTO inventory_ops.made_object AS known (object, statement, step, version)
SELECT made.object, made.statement, made.step, made.version
FROM
  unnest(
    CAST(:objects AS text[]),
    CAST(:statements AS text[]),
    CAST(:steps AS text[]),
    CAST(:versions AS text[])
  ) AS made (object, statement, step, version)
ON CONFLICT (object) DO UPDATE
SET
  statement = excluded.statement,
  step = excluded.step,
  version = excluded.version,
  made_by = excluded.made_by,
  made_at = excluded.made_at;
