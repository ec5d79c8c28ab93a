-- The columns of a table in their order, as types for a file: base type, precision and scale of a numeric that a file can
-- have, and what is true of a column, as SQL, where a file cannot keep one of its values.
--
-- Locks: none.

SELECT
  pg_attribute.attname AS name,
  format_type(pg_attribute.atttypid, NULL) AS type,
  CASE WHEN decimal.scale BETWEEN 0 AND decimal.precision THEN decimal.precision END AS precision,
  decimal.scale,
  CASE
    WHEN pg_attribute.atttypid IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype)
      THEN format('bool_or(NOT (%1$I >= %2$L AND %1$I < %3$L))', pg_attribute.attname, '0001-01-01 00:00:00+00', '10000-01-01 00:00:00+00')
    WHEN decimal.precision IS NOT NULL THEN format('bool_or(%I = %L)', pg_attribute.attname, 'NaN')
    WHEN pg_attribute.atttypid = 'text[]'::regtype THEN format('bool_or(array_ndims(%I) > 1)', pg_attribute.attname)
    ELSE 'bool_or(false)'
  END AS beyond
FROM pg_attribute
LEFT JOIN LATERAL (
  SELECT
    ((pg_attribute.atttypmod - 4) >> 16) & 65535 AS precision,
    -- Eleven bits with a sign.
    (((pg_attribute.atttypmod - 4) & 2047) # 1024) - 1024 AS scale
  WHERE pg_attribute.atttypid = 'numeric'::regtype AND pg_attribute.atttypmod > 0
) AS decimal ON true
WHERE pg_attribute.attrelid = to_regclass(:table)
  AND pg_attribute.attnum > 0
  AND NOT pg_attribute.attisdropped
ORDER BY pg_attribute.attnum;
