-- No column of another table holds whole rows of stock.
--
-- PostgreSQL adds no column with a default to a table whose rows are stored elsewhere as values.
--
-- Effect: stops
-- Locks: none.
-- Fix: Give the columns listed the type jsonb, with to_jsonb() of what they hold, or drop them.

WITH stored AS (
  SELECT format('%s.%s', pg_class.oid::regclass, pg_attribute.attname) AS "column"
  FROM pg_type
  JOIN pg_attribute ON pg_attribute.atttypid IN (pg_type.oid, pg_type.typarray) AND NOT pg_attribute.attisdropped
  JOIN pg_class ON pg_class.oid = pg_attribute.attrelid AND pg_class.relkind IN ('r', 'p', 'm')
  WHERE pg_type.typrelid = to_regclass('inventory.stock')
)
SELECT
  -- Once the column is there, none is added.
  count(*) = 0 OR EXISTS (
    SELECT
    FROM pg_attribute
    WHERE pg_attribute.attrelid = to_regclass('inventory.stock') AND pg_attribute.attname = 'reserved_quantity'
  ) AS passed,
  count(*) AS columns,
  array_agg(stored."column" ORDER BY stored."column") AS examples
FROM stored;
