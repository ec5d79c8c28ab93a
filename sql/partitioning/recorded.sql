-- What is recorded of the tables that are kept in partitions by month, and whether each is one now.
--
-- Locks: ACCESS SHARE on the record for the length of the query.

SELECT
  known.schema_name::text,
  known.table_name::text,
  known.column_name::text,
  known.keep,
  known.archive,
  known.key_name::text,
  known.key_columns,
  known.column_was_nullable,
  known.first_partition::text,
  known.converted_at,
  pg_class.oid IS NOT NULL AS exists,
  coalesce(pg_class.relkind = 'p', false) AS partitioned
FROM inventory_ops.partitioned_table AS known
LEFT JOIN pg_namespace ON pg_namespace.nspname = known.schema_name
LEFT JOIN pg_class ON pg_class.relnamespace = pg_namespace.oid AND pg_class.relname = known.table_name
ORDER BY known.schema_name, known.table_name;
