-- The three new columns as they are.
--
-- Locks: none.

SELECT
  attribute.attname AS name,
  format_type(attribute.atttypid, attribute.atttypmod) AS type,
  pg_get_expr(column_default.adbin, column_default.adrelid) AS default_value,
  col_description(attribute.attrelid, attribute.attnum) AS description
FROM pg_attribute AS attribute
LEFT JOIN pg_attrdef AS column_default
  ON column_default.adrelid = attribute.attrelid AND column_default.adnum = attribute.attnum
WHERE attribute.attrelid = 'inventory.stock'::regclass
  AND attribute.attname IN ('listed_on_platforms', 'status_history', 'reserved_quantity')
ORDER BY attribute.attnum;
