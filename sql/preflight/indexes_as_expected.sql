-- Each stock row is found by id and its legacy rows by stock_id without reading a whole table.
--
-- Effect: stops
-- Locks: none.
-- Fix: Create the indexes listed, CONCURRENTLY; the synchronisation looks up every row by them.
-- Until: drop_legacy_tables

WITH expected (name, "column", is_unique) AS (
  VALUES
    ('stock', 'id', true),
    ('stock_financial', 'stock_id', false),
    ('stock_lifecycle', 'stock_id', false),
    ('stock_metrics', 'stock_id', true)
),
missing AS (
  SELECT
    format('%sindex on inventory.%s (%s)', CASE WHEN expected.is_unique THEN 'unique ' END, expected.name, expected.column)
      AS index
  FROM expected
  WHERE NOT EXISTS (
    SELECT
    FROM pg_index
    JOIN pg_attribute ON pg_attribute.attrelid = pg_index.indrelid AND pg_attribute.attnum = pg_index.indkey[0]
    WHERE pg_index.indrelid = to_regclass('inventory.' || expected.name)
      AND pg_attribute.attname = expected.column
      AND pg_index.indisvalid
      AND pg_index.indpred IS NULL
      AND (NOT expected.is_unique OR (pg_index.indisunique AND pg_index.indnkeyatts = 1))
  )
)
SELECT
  count(*) = 0 AS passed,
  count(*) AS missing,
  array_agg(missing.index ORDER BY missing.index) AS examples
FROM missing;
