-- The statistics objects of a table, as statements that drop them.
--
-- Locks: none.

SELECT format('DROP STATISTICS %I.%I', pg_namespace.nspname, pg_statistic_ext.stxname) AS statement
FROM pg_statistic_ext
JOIN pg_namespace ON pg_namespace.oid = pg_statistic_ext.stxnamespace
WHERE pg_statistic_ext.stxrelid = CAST(:source AS regclass)
ORDER BY pg_statistic_ext.oid;
