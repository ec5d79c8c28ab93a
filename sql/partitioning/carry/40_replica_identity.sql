-- By what a subscriber knows a row, as a statement for the table that takes the name.
--
-- Locks: none.

SELECT format(
  'ALTER TABLE %I.%I REPLICA IDENTITY %s', CAST(:schema AS text), CAST(:name AS text),
  CASE pg_class.relreplident WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING' ELSE 'DEFAULT' END
) AS statement
FROM pg_class
WHERE pg_class.oid = CAST(:source AS regclass) AND pg_class.relreplident <> 'd';
