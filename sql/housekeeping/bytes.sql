-- The room that Dagster's runs and events take on disk, indexes included.
--
-- Locks: none.

SELECT
  pg_total_relation_size('public.event_logs')
    + pg_total_relation_size('public.asset_event_tags')
    + pg_total_relation_size('public.asset_check_executions')
    + pg_total_relation_size('public.runs')
    + pg_total_relation_size('public.run_tags') AS bytes;
