-- Whether pg_stat_statements is installed here and loaded.
--
-- Locks: none.

SELECT
  to_regclass('pg_stat_statements') IS NOT NULL
    AND current_setting('shared_preload_libraries') LIKE '%pg_stat_statements%' AS installed;
