-- The publications that name a table, as statements that take it out of them: they name the partitioned table instead.
--
-- Locks: none.

SELECT format('ALTER PUBLICATION %I DROP TABLE %s', pg_publication.pubname, pg_publication_rel.prrelid::regclass) AS statement
FROM pg_publication_rel
JOIN pg_publication ON pg_publication.oid = pg_publication_rel.prpubid
WHERE pg_publication_rel.prrelid = CAST(:source AS regclass)
ORDER BY pg_publication.pubname;
