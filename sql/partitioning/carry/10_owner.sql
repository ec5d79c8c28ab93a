-- The owner of one table, as statements that give it to the table that takes its name.
--
-- Locks: none.

SELECT format('ALTER TABLE %I.%I OWNER TO %I', CAST(:schema AS text), CAST(:name AS text), pg_get_userbyid(pg_class.relowner)) AS statement
FROM pg_class
WHERE pg_class.oid = CAST(:source AS regclass);
