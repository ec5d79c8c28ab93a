-- The indexes of a table or view, but for its primary key, as PostgreSQL prints them.
--
-- Locks: none.

SELECT
  index_class.relname AS name,
  pg_get_indexdef(pg_index.indexrelid)
    || CASE WHEN pg_index.indisvalid AND pg_index.indisready THEN '' ELSE ' (invalid)' END AS definition
FROM pg_index
JOIN pg_class AS index_class ON index_class.oid = pg_index.indexrelid
WHERE pg_index.indrelid = to_regclass(format('%I.%I', CAST(:schema AS text), CAST(:relation AS text)))
  AND NOT pg_index.indisprimary
ORDER BY index_class.relname;
