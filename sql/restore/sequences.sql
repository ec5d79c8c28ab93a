-- Where every sequence stands.
--
-- Not part of any snapshot: one that was used while the dump was taken stands elsewhere in it.
--
-- Locks: none.

SELECT
  format('%I.%I', pg_sequences.schemaname, pg_sequences.sequencename) AS name,
  coalesce(pg_sequences.last_value::text, 'its start') AS value
FROM pg_sequences
WHERE pg_sequences.schemaname !~ '^pg_'
ORDER BY 1;
