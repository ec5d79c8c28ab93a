-- When each of Dagster's daemons last said that it lives, in Dagster's own storage.
--
-- Locks: ACCESS SHARE on daemon_heartbeats for an instant.

SELECT
  daemon_heartbeats.daemon_type AS daemon,
  -- Dagster writes UTC without saying so.
  extract(EPOCH FROM daemon_heartbeats.timestamp AT TIME ZONE 'UTC')::float8 AS beaten_at
FROM public.daemon_heartbeats;
