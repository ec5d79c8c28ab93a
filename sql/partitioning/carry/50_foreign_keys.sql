-- The foreign keys of a table, as statements for the table that takes its name, unless that has them.
--
-- Locks: none.

SELECT format(
  'ALTER TABLE %I.%I ADD CONSTRAINT %I %s', CAST(:schema AS text), CAST(:name AS text), pg_constraint.conname,
  pg_get_constraintdef(pg_constraint.oid)
) AS statement
FROM pg_constraint
WHERE pg_constraint.conrelid = CAST(:source AS regclass)
  AND pg_constraint.contype = 'f'
  AND NOT EXISTS (
    SELECT
    FROM pg_constraint AS known
    WHERE known.conrelid = CAST(:target AS regclass) AND known.contype = 'f' AND known.conname = pg_constraint.conname
  )
ORDER BY pg_constraint.conname;
