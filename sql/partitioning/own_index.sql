-- Whether an index of a table is there, whether it is valid, and on what it is; no row if there is none.
--
-- Locks: none.

SELECT
  pg_index.indisvalid AND pg_index.indisready AND pg_index.indisunique AS usable,
  array_agg(pg_attribute.attname::text ORDER BY part.position) AS columns
FROM pg_index
JOIN pg_class ON pg_class.oid = pg_index.indexrelid
CROSS JOIN LATERAL unnest(string_to_array(pg_index.indkey::text, ' ')::smallint[]) WITH ORDINALITY AS part (number, position)
JOIN pg_attribute ON pg_attribute.attrelid = pg_index.indrelid AND pg_attribute.attnum = part.number
WHERE pg_index.indrelid = to_regclass(:table) AND pg_class.relname = :name
GROUP BY pg_index.indexrelid, pg_index.indisvalid, pg_index.indisready, pg_index.indisunique;
