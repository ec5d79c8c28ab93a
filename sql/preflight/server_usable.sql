-- The server is PostgreSQL 15 or newer and accepts writes.
--
-- Effect: stops
-- Locks: none.
-- Fix: Upgrade the server, or point SOLEFLIP_DATABASE_URL at the primary instead of its replica.

SELECT
  current_setting('server_version_num')::integer >= :oldest * 10000 AND NOT pg_is_in_recovery() AS passed,
  current_setting('server_version') AS server_version,
  pg_is_in_recovery() AS is_replica;
