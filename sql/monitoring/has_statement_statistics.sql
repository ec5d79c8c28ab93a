-- Whether pg_stat_statements is installed here and loaded; not, for who may not know.
--
-- Locks: none.

SELECT
  to_regclass('pg_stat_statements') IS NOT NULL
    AND CASE
      WHEN pg_has_role('pg_read_all_settings', 'USAGE')
        THEN current_setting('shared_preload_libraries') LIKE '%pg_stat_statements%'
      ELSE false
    END AS installed;
