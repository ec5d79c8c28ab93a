-- The statistics objects of a table, as statements that give them names of the partition that it becomes.
--
-- Locks: none.

SELECT format(
  'ALTER STATISTICS %I.%I RENAME TO %I', pg_namespace.nspname, pg_statistic_ext.stxname,
  CAST(:first AS text) || '_s' || row_number() OVER (ORDER BY pg_statistic_ext.oid)
) AS statement
FROM pg_statistic_ext
JOIN pg_namespace ON pg_namespace.oid = pg_statistic_ext.stxnamespace
WHERE pg_statistic_ext.stxrelid = CAST(:source AS regclass)
ORDER BY pg_statistic_ext.oid;
