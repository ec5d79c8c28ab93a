-- Deletes a batch of old events that were recorded without a run, in Dagster's storage.
--
-- A sensor that looks twice a minute, or records a page every five, would else fill the storage for ever. What stays: of
-- each asset the newest event of every kind, of each check the last evaluation and its last outcome, and what the alerts
-- have not read, which is all after :alerts_after. :before is in seconds since 1970.
--
-- Locks: ROW EXCLUSIVE on event_logs and asset_check_executions for one batch.

WITH old AS MATERIALIZED (
  SELECT event.id
  FROM public.event_logs AS event
  WHERE event.run_id = ''
    AND event.id <= :alerts_after
    AND extract(epoch FROM event.timestamp) < :before
    AND NOT EXISTS (
      SELECT
      FROM public.asset_check_executions AS evaluation
      WHERE evaluation.evaluation_event_storage_id = event.id
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
    AND (
      event.asset_key IS NULL
      OR EXISTS (
        SELECT
        FROM public.event_logs AS newer
        WHERE newer.asset_key = event.asset_key
          AND newer.dagster_event_type = event.dagster_event_type
          AND newer.partition IS NOT DISTINCT FROM event.partition
          AND newer.id > event.id
      )
    )
  ORDER BY event.id
  LIMIT :batch
),
deleted AS (
  DELETE FROM public.event_logs AS event
  USING old
  WHERE event.id = old.id
  RETURNING event.id
),
deleted_tags AS (
  DELETE FROM public.asset_event_tags AS tag
  USING deleted
  WHERE tag.event_id = deleted.id
),
deleted_evaluations AS (
  DELETE FROM public.asset_check_executions AS evaluation
  USING deleted
  WHERE evaluation.evaluation_event_storage_id = deleted.id
)
SELECT count(*) AS events
FROM deleted;
