-- The tables that a table references, which are to be locked with it: in the order of their names. Of those that the
-- session may not lock by itself, PostgreSQL takes the lock when it needs it.
--
-- Locks: none.

SELECT DISTINCT pg_namespace.nspname::text AS schema_name, pg_class.relname::text AS table_name
FROM pg_constraint
JOIN pg_class ON pg_class.oid = pg_constraint.confrelid
JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
WHERE pg_constraint.conrelid = CAST(:source AS regclass)
  AND pg_constraint.contype = 'f'
  AND pg_constraint.confrelid <> pg_constraint.conrelid
  AND has_schema_privilege(pg_namespace.oid, 'USAGE')
  AND has_table_privilege(pg_class.oid, 'UPDATE, DELETE, TRUNCATE')
ORDER BY schema_name, table_name;
