-- What will be another way once a table is in partitions by a column: a sentence each.
--
-- Locks: none.

WITH uniques AS (
  SELECT
    pg_index.indexrelid,
    pg_index.indisprimary,
    pg_get_indexdef(pg_index.indexrelid) AS definition,
    (
      SELECT string_agg(pg_get_indexdef(pg_index.indexrelid, place, true), ', ' ORDER BY place)
      FROM generate_series(1, pg_index.indnkeyatts) AS place
    ) AS columns
  FROM pg_index
  JOIN pg_attribute ON pg_attribute.attrelid = pg_index.indrelid AND pg_attribute.attname = :column
  JOIN pg_class ON pg_class.oid = pg_index.indexrelid
  WHERE pg_index.indrelid = to_regclass(:table)
    AND pg_index.indisunique
    AND pg_class.relname <> :prepared
    AND (
      pg_index.indexprs IS NOT NULL
      OR NOT EXISTS (
        SELECT
        FROM unnest(string_to_array(pg_index.indkey::text, ' ')::smallint[]) WITH ORDINALITY AS part (number, position)
        WHERE part.number = pg_attribute.attnum AND part.position <= pg_index.indnkeyatts
      )
    )
)
SELECT 1 AS place, format(
  'PRIMARY KEY (%s) becomes (%s, %s): the same %s with another %s is no longer refused, and INSERT … ON CONFLICT (%s) fails '
  || 'from then on. A lookup by %s stays fast: it looks into the index of each month.',
  uniques.columns, uniques.columns, quote_ident(:column), uniques.columns, quote_ident(:column), uniques.columns, uniques.columns
) AS sentence
FROM uniques
WHERE uniques.indisprimary
UNION ALL
SELECT 2, format(
  '%s (%s) becomes unique in each month: the same value in two months is no longer refused, and INSERT … ON CONFLICT (%s) '
  || 'fails from then on. A lookup by it stays fast: it looks into the index of each month.',
  uniques.indexrelid::regclass, uniques.columns, uniques.columns
)
FROM uniques
WHERE NOT uniques.indisprimary
UNION ALL
SELECT 2, format(
  'The function %s names it and ON CONFLICT (…): see that it is not one that fails from then on.', CAST(pg_proc.oid AS regprocedure)
)
FROM pg_proc
JOIN pg_class ON pg_class.oid = to_regclass(:table)
WHERE EXISTS (SELECT FROM uniques)
  AND pg_proc.prokind IN ('f', 'p')
  AND pg_proc.prosrc ~* ('\minto\s+[^;]*' || regexp_replace(pg_class.relname, '(\W)', '\\\1', 'g') || '\M[^;]*\mon\s+conflict\s*\(')
UNION ALL
SELECT 3, format('%s becomes NOT NULL: no row lacks it, and a write without it will be refused.', quote_ident(pg_attribute.attname))
FROM pg_attribute
WHERE pg_attribute.attrelid = to_regclass(:table) AND pg_attribute.attname = :column AND NOT pg_attribute.attnotnull
UNION ALL
SELECT 4, format('The view %s is pointed at the partitioned table; its owner and privileges stay.', views.name)
FROM (
  SELECT DISTINCT pg_rewrite.ev_class::regclass::text AS name
  FROM pg_depend
  JOIN pg_rewrite ON pg_depend.classid = 'pg_rewrite'::regclass AND pg_rewrite.oid = pg_depend.objid
  WHERE pg_depend.refclassid = 'pg_class'::regclass AND pg_depend.refobjid = to_regclass(:table)
) AS views
UNION ALL
SELECT 5, format(
  'An UPDATE of %s that moves a row to another month is a DELETE and an INSERT, for triggers and for who writes the row meanwhile.',
  quote_ident(:column)
)
UNION ALL
SELECT 6, 'CREATE INDEX CONCURRENTLY and CLUSTER no longer work on it; SELECT … FROM ONLY gives no row.'
ORDER BY place, sentence;
