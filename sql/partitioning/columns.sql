-- The columns of a table that a copied row brings along: generated ones are computed anew.
--
-- Locks: none.

SELECT pg_attribute.attname::text AS name
FROM pg_attribute
WHERE pg_attribute.attrelid = CAST(:table AS regclass)
  AND pg_attribute.attnum > 0
  AND NOT pg_attribute.attisdropped
  AND pg_attribute.attgenerated = ''
ORDER BY pg_attribute.attnum;
