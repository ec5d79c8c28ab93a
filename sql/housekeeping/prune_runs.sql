-- Deletes a batch of old, finished runs with all that is left of them, in Dagster's storage.
--
-- What stays: a run that holds the newest event of some kind of an asset, the last evaluation of a check or its last
-- outcome; one of :alert_runs, which alerts point at; one with an event after :alerts_after, up to which the alerts
-- have read. :before is in seconds since 1970. All of a run goes in one statement: who dies leaves no half.
--
-- Locks: ROW EXCLUSIVE on Dagster's tables of runs and events for one batch.

WITH old AS MATERIALIZED (
  SELECT run.run_id
  FROM public.runs AS run
  WHERE run.status IN ('SUCCESS', 'FAILURE', 'CANCELED')
    AND coalesce(run.end_time, extract(epoch FROM run.update_timestamp)) < :before
    AND run.run_id <> ALL (CAST(:alert_runs AS text[]))
    AND NOT EXISTS (
      SELECT
      FROM public.event_logs AS event
      WHERE event.run_id = run.run_id
        AND (
          event.id > :alerts_after
          OR (
            event.asset_key IS NOT NULL
            AND NOT EXISTS (
              SELECT
              FROM public.event_logs AS newer
              WHERE newer.asset_key = event.asset_key
                AND newer.dagster_event_type = event.dagster_event_type
                AND newer.partition IS NOT DISTINCT FROM event.partition
                AND newer.id > event.id
            )
          )
        )
    )
    AND NOT EXISTS (
      SELECT
      FROM public.asset_check_executions AS evaluation
      WHERE evaluation.run_id = run.run_id
        AND (
          NOT EXISTS (
            SELECT
            FROM public.asset_check_executions AS newer
            WHERE newer.asset_key = evaluation.asset_key
              AND newer.check_name = evaluation.check_name
              AND newer.partition IS NOT DISTINCT FROM evaluation.partition
              AND newer.id > evaluation.id
          )
          OR (
            evaluation.execution_status IN ('SUCCEEDED', 'FAILED')
            AND NOT EXISTS (
              SELECT
              FROM public.asset_check_executions AS newer
              WHERE newer.asset_key = evaluation.asset_key
                AND newer.check_name = evaluation.check_name
                AND newer.partition IS NOT DISTINCT FROM evaluation.partition
                AND newer.execution_status IN ('SUCCEEDED', 'FAILED')
                AND newer.id > evaluation.id
            )
          )
        )
    )
  ORDER BY run.id
  LIMIT :batch
),
deleted_events AS (
  DELETE FROM public.event_logs AS event
  USING old
  WHERE event.run_id = old.run_id
  RETURNING event.id
),
deleted_tags AS (
  DELETE FROM public.asset_event_tags AS tag
  USING deleted_events
  WHERE tag.event_id = deleted_events.id
),
deleted_evaluations AS (
  DELETE FROM public.asset_check_executions AS evaluation
  USING old
  WHERE evaluation.run_id = old.run_id
),
deleted_runs AS (
  -- Its tags go with it, by their foreign key.
  DELETE FROM public.runs AS run
  USING old
  WHERE run.run_id = old.run_id
  RETURNING run.run_id
)
SELECT
  (SELECT count(*) FROM deleted_events) AS events,
  (SELECT count(*) FROM deleted_runs) AS runs,
  (SELECT array_agg(deleted_runs.run_id) FROM deleted_runs) AS run_ids;
