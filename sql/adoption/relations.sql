-- What stands under some names of tables, views, indexes and types, as a word.
--
-- Locks: none.

SELECT
  pg_namespace.nspname || '.' || pg_class.relname AS name,
  CASE pg_class.relkind
    WHEN 'r' THEN 'table'
    WHEN 'p' THEN 'table'
    WHEN 'v' THEN 'view'
    WHEN 'm' THEN 'materialized view'
    WHEN 'i' THEN 'index'
    WHEN 'S' THEN 'sequence'
    WHEN 'c' THEN 'type'
    ELSE 'relation'
  END AS kind,
  coalesce(indexed.name, '') AS relation
FROM pg_class
JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
LEFT JOIN LATERAL (
  SELECT table_class.relname AS name
  FROM pg_index
  JOIN pg_class AS table_class ON table_class.oid = pg_index.indrelid
  WHERE pg_index.indexrelid = pg_class.oid
) AS indexed ON true
WHERE pg_namespace.nspname || '.' || pg_class.relname = ANY (CAST(:names AS text[]))
UNION ALL
-- A relation has a type of its name: no other type may have that.
SELECT pg_namespace.nspname || '.' || pg_type.typname, 'type', ''
FROM pg_type
JOIN pg_namespace ON pg_namespace.oid = pg_type.typnamespace
WHERE pg_type.typrelid = 0
  AND pg_namespace.nspname || '.' || pg_type.typname = ANY (CAST(:names AS text[]));
