-- How many indexes a table has, with those of its partitions: an ATTACH that builds one under its lock would add to them.
--
-- Locks: none.

SELECT count(*) AS indexes
FROM pg_index
WHERE pg_index.indrelid = CAST(:table AS regclass);
