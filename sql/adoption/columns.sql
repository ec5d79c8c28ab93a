-- The columns of a table of schema inventory with their types, in their order; none if it is no plain table.
--
-- Locks: none.

SELECT attribute.attname::text AS name, format_type(attribute.atttypid, attribute.atttypmod) AS type
FROM pg_attribute AS attribute
JOIN pg_class ON pg_class.oid = attribute.attrelid
JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
WHERE pg_namespace.nspname = 'inventory'
  AND pg_class.relname = :name
  AND pg_class.relkind = 'r'
  AND attribute.attnum > 0
  AND NOT attribute.attisdropped
ORDER BY attribute.attnum;
