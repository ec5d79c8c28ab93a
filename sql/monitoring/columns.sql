-- The columns of a table or view of schema inventory, as PostgreSQL prints their types and defaults.
--
-- Locks: none.

SELECT
  attribute.attname AS name,
  -- Without the schema, which is printed or not as the search_path says.
  regexp_replace(format_type(attribute.atttypid, attribute.atttypmod), '^inventory\.', '') AS type,
  NOT attribute.attnotnull AS nullable,
  pg_get_expr(pg_attrdef.adbin, pg_attrdef.adrelid) AS default
FROM pg_attribute AS attribute
LEFT JOIN pg_attrdef ON pg_attrdef.adrelid = attribute.attrelid AND pg_attrdef.adnum = attribute.attnum
WHERE attribute.attrelid = to_regclass(format('inventory.%I', CAST(:relation AS text)))
  AND attribute.attnum > 0
  AND NOT attribute.attisdropped
ORDER BY attribute.attnum;
