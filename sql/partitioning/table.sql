-- What a table is, as far as turning it into partitions is concerned: one row, or none where there is no such table.
--
-- Locks: none.

SELECT
  pg_class.oid::bigint AS oid,
  pg_namespace.nspname::text AS schema_name,
  pg_class.relname::text AS table_name,
  pg_class.relkind::text AS kind,
  pg_get_partkeydef(pg_class.oid) AS partition_key,
  format_type(pg_attribute.atttypid, NULL) AS column_type,
  coalesce(NOT pg_attribute.attnotnull, false) AS column_is_nullable,
  key.name::text AS key_name,
  key.columns AS key_columns,
  key.storage AS key_storage,
  coalesce(pg_attribute.attname = ANY (key.columns), false) AS key_has_column,
  CASE WHEN pg_class.relkind = 'r' THEN pg_total_relation_size(pg_class.oid) END AS bytes,
  CAST(greatest(pg_class.reltuples, 0) AS bigint) AS estimated_rows
FROM pg_class
JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
LEFT JOIN pg_attribute ON pg_attribute.attrelid = pg_class.oid
  AND pg_attribute.attname = :column AND pg_attribute.attnum > 0 AND NOT pg_attribute.attisdropped
LEFT JOIN LATERAL (
  SELECT
    pg_constraint.conname AS name,
    array_to_string(index.reloptions, ', ') AS storage,
    array_agg(member.attname::text ORDER BY part.position) AS columns
  FROM pg_constraint
  JOIN pg_class AS index ON index.oid = pg_constraint.conindid
  CROSS JOIN LATERAL unnest(pg_constraint.conkey) WITH ORDINALITY AS part (number, position)
  JOIN pg_attribute AS member ON member.attrelid = pg_constraint.conrelid AND member.attnum = part.number
  WHERE pg_constraint.conrelid = pg_class.oid AND pg_constraint.contype = 'p'
  GROUP BY pg_constraint.oid, index.reloptions
) AS key ON true
WHERE pg_class.oid = to_regclass(:table);
