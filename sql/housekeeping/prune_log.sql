-- Deletes a batch of the step-by-step log of old, finished runs, in Dagster's storage.
--
-- What stays: what the UI plots and lists (materializations, observations, evaluations), how a run began and ended
-- and why a step failed; and of each asset the newest event of every kind, by which the UI knows its state.
-- :before is in seconds since 1970; :after is the last id of the batch before. Only what comes after it is read.
--
-- Dagster has no call for this: DagsterInstance.delete_run takes a run with all of its materializations, and in one
-- transaction the run, in another its events, which nobody finds any more if it dies between the two.
--
-- Locks: ROW EXCLUSIVE on event_logs for one batch; nobody writes to the rows of a finished run.

WITH old AS MATERIALIZED (
  SELECT event.id
  FROM public.event_logs AS event
  JOIN public.runs AS run ON run.run_id = event.run_id
  WHERE event.id > :after
    AND run.status IN ('SUCCESS', 'FAILURE', 'CANCELED')
    AND coalesce(run.end_time, extract(epoch FROM run.update_timestamp)) < :before
    -- What the project itself logs has no type.
    AND coalesce(event.dagster_event_type, '') NOT IN (
      'ASSET_MATERIALIZATION', 'ASSET_OBSERVATION', 'ASSET_CHECK_EVALUATION', 'STEP_FAILURE', 'PIPELINE_ENQUEUED',
      'PIPELINE_STARTING', 'PIPELINE_START', 'PIPELINE_SUCCESS', 'PIPELINE_FAILURE', 'PIPELINE_CANCELED'
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
)
SELECT
  count(*) AS events,
  max(deleted.id) AS last_id
FROM deleted;
