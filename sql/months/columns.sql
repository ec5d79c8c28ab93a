-- The columns of a table in their order, as types for a file: base type, and precision and scale of a numeric.
--
-- Locks: none.

SELECT
  pg_attribute.attname AS name,
  format_type(pg_attribute.atttypid, NULL) AS type,
  CASE
    WHEN pg_attribute.atttypid = 'numeric'::regtype AND pg_attribute.atttypmod > 0
      THEN ((pg_attribute.atttypmod - 4) >> 16) & 65535
  END AS precision,
  CASE
    WHEN pg_attribute.atttypid = 'numeric'::regtype AND pg_attribute.atttypmod > 0
      THEN (pg_attribute.atttypmod - 4) & 65535
  END AS scale
FROM pg_attribute
WHERE pg_attribute.attrelid = to_regclass(:table)
  AND pg_attribute.attnum > 0
  AND NOT pg_attribute.attisdropped
ORDER BY pg_attribute.attnum;
