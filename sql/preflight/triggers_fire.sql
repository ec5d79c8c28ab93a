-- Triggers fire for whoever writes: no role and no database has session_replication_role = replica by default.
--
-- Whoever writes so is carried over by nobody: stock and the legacy tables would say different things at once.
--
-- Effect: warns
-- Locks: none.
-- Fix: Whatever writes to these tables must do so as origin: ALTER ROLE … RESET session_replication_role, or ALTER DATABASE. A
--      role that only loads other tables may keep it.

WITH found AS (
  SELECT
    concat_ws(
      ' in ',
      CASE WHEN setting.setrole = 0 THEN 'every role' ELSE format('role %s', pg_get_userbyid(setting.setrole)) END,
      CASE WHEN setting.setdatabase = 0 THEN 'every database' ELSE 'this database' END
    ) AS writer
  FROM pg_catalog.pg_db_role_setting AS setting
  WHERE setting.setdatabase IN (
    0,
    (SELECT pg_database.oid FROM pg_catalog.pg_database WHERE pg_database.datname = current_database())
  )
    AND 'session_replication_role=replica' = ANY (setting.setconfig)
)
SELECT
  count(*) = 0 AS passed,
  count(*) AS writers,
  array_agg(found.writer ORDER BY found.writer) AS examples
FROM found;
