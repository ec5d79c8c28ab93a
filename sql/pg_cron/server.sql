-- What this server has of pg_cron: its package, its library, the database that its jobs are kept in; and whether there
-- is something for it to call, which also those may know who may not read the ledger.
--
-- The library is loaded where its settings are known. Who may not read all settings sees none of them: then loaded is
-- NULL, and the jobs are looked for in postgres, where they are unless cron.database_name says otherwise.
--
-- Locks: none.

WITH cron AS (
  SELECT
    CASE
      WHEN pg_has_role('pg_read_all_settings', 'USAGE')
        THEN EXISTS (SELECT FROM pg_settings AS known WHERE known.name LIKE 'cron.%')
    END AS loaded,
    CASE
      WHEN EXISTS (SELECT FROM pg_extension WHERE pg_extension.extname = 'pg_cron') THEN current_database()
      ELSE coalesce(
        (SELECT known.setting FROM pg_settings AS known WHERE known.name = 'cron.database_name'),
        'postgres'
      )
    END AS jobs_database
)
SELECT
  EXISTS (SELECT FROM pg_available_extensions AS known WHERE known.name = 'pg_cron') AS available,
  cron.loaded,
  cron.jobs_database,
  coalesce(cron.loaded, true) AND EXISTS (
    SELECT
    FROM pg_database
    WHERE pg_database.datname = cron.jobs_database AND has_database_privilege(pg_database.oid, 'CONNECT')
  ) AS reachable,
  to_regprocedure('inventory.refresh_stock_metrics()') IS NOT NULL AS callable,
  current_database() AS database,
  current_user AS user_name,
  current_setting('server_version_num')::int / 10000 AS major_version
FROM cron;
