-- The comments on a table, its columns, constraints and indexes, as statements for the table that takes its name.
--
-- Locks: none.

WITH comments AS (
  SELECT
    1 AS place,
    format('TABLE %I.%I', CAST(:schema AS text), CAST(:name AS text)) AS object,
    obj_description(CAST(:source AS regclass), 'pg_class') AS words,
    obj_description(CAST(:target AS regclass), 'pg_class') AS known
  UNION ALL
  SELECT
    2,
    format('COLUMN %I.%I.%I', CAST(:schema AS text), CAST(:name AS text), pg_attribute.attname),
    col_description(pg_attribute.attrelid, pg_attribute.attnum),
    col_description(same.attrelid, same.attnum)
  FROM pg_attribute
  JOIN pg_attribute AS same ON same.attrelid = CAST(:target AS regclass) AND same.attname = pg_attribute.attname
  WHERE pg_attribute.attrelid = CAST(:source AS regclass) AND pg_attribute.attnum > 0 AND NOT pg_attribute.attisdropped
  UNION ALL
  SELECT
    3,
    format('CONSTRAINT %I ON %I.%I', pg_constraint.conname, CAST(:schema AS text), CAST(:name AS text)),
    obj_description(pg_constraint.oid, 'pg_constraint'),
    NULL
  FROM pg_constraint
  JOIN pg_attribute ON pg_attribute.attrelid = pg_constraint.conrelid AND pg_attribute.attname = :column
  WHERE pg_constraint.conrelid = CAST(:source AS regclass)
    AND (pg_constraint.contype <> 'u' OR pg_attribute.attnum = ANY (pg_constraint.conkey))
  UNION ALL
  SELECT
    4,
    format('INDEX %I.%I', pg_namespace.nspname, pg_class.relname),
    obj_description(pg_class.oid, 'pg_class'),
    NULL
  FROM pg_index
  JOIN pg_class ON pg_class.oid = pg_index.indexrelid
  JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
  JOIN pg_attribute ON pg_attribute.attrelid = pg_index.indrelid AND pg_attribute.attname = :column
  WHERE pg_index.indrelid = CAST(:source AS regclass)
    AND (
      NOT pg_index.indisunique
      OR pg_index.indisprimary
      OR pg_attribute.attnum = ANY (string_to_array(pg_index.indkey::text, ' ')::smallint[])
    )
)
SELECT format('COMMENT ON %s IS %s', comments.object, coalesce(quote_literal(comments.words), 'NULL')) AS statement
FROM comments
WHERE comments.words IS DISTINCT FROM comments.known
ORDER BY comments.place, comments.object;
