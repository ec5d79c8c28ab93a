-- The server is PostgreSQL 15 or newer and accepts writes, and triggers fire for who deploys.
--
-- Effect: stops
-- Locks: none.
-- Fix: Upgrade the server, or point SOLEFLIP_DATABASE_URL at the primary instead of its replica. Where session_replication_role
--      is replica: ALTER ROLE … RESET session_replication_role, or ALTER DATABASE.

SELECT
  current_setting('server_version_num')::integer >= :oldest * 10000 AND NOT pg_is_in_recovery()
    AND current_setting('session_replication_role') <> 'replica' AS passed,
  current_setting('server_version') AS server_version,
  pg_is_in_recovery() AS is_replica,
  current_setting('session_replication_role') AS session_replication_role;
