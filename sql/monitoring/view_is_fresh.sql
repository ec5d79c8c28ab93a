-- stock_metrics_view was refreshed within the time that its readers rely on.
--
-- In incremental mode it is as old as the oldest change that waits in the queue, and up to date where none does. A view
-- of stock itself has no age. `age_of` says which of them it is.
-- :warn_seconds and :error_seconds are the ages at which this is a warning and an error.
--
-- Asset: inventory/stock_metrics_view
-- Locks: ACCESS SHARE on the view and the queue of changes for the length of the count.
-- Means: The hourly refresh is paused, stuck or dead; readers see old figures.

WITH refreshed AS (
  SELECT
    count(*) AS total_records,
    -- A shop without stock has no row that could tell.
    coalesce(
      max(view.last_calculated_at), (SELECT max(refresh.started_at) FROM inventory_ops.metrics_refresh AS refresh)
    ) AS last_refresh,
    (
      SELECT pg_class.relkind = 'v'
      FROM pg_class
      WHERE pg_class.oid = 'inventory.stock_metrics_view'::regclass
    ) AS is_plain
  FROM inventory.stock_metrics_view AS view
),
queue AS (
  SELECT count(*) AS queued_changes, min(change.queued_at) AS oldest_change
  FROM inventory_ops.stock_change AS change
),
aged AS (
  SELECT
    refreshed.total_records,
    refreshed.last_refresh,
    queue.queued_changes,
    queue.oldest_change,
    CASE
      WHEN NOT refreshed.is_plain THEN 'the last refresh'
      WHEN to_regclass('inventory_ops.stock_metrics_read_model') IS NOT NULL THEN 'the oldest change that waits'
      ELSE 'nothing: the view reads stock itself'
    END AS age_of,
    CASE
      WHEN NOT refreshed.is_plain
        THEN extract(epoch FROM clock_timestamp() - refreshed.last_refresh)::float8
      WHEN queue.queued_changes = 0 THEN 0
      -- A change that was made before the last refresh was committed after it, or it would not be waiting.
      ELSE extract(epoch FROM clock_timestamp() - greatest(queue.oldest_change, refreshed.last_refresh))::float8
    END AS age_seconds
  FROM refreshed
  CROSS JOIN queue
)
SELECT
  coalesce(aged.age_seconds < CAST(:warn_seconds AS float8), false) AS passed,
  CASE WHEN aged.age_seconds < CAST(:error_seconds AS float8) THEN 'WARN' ELSE 'ERROR' END AS severity,
  aged.total_records,
  aged.last_refresh,
  aged.queued_changes,
  aged.oldest_change,
  aged.age_of,
  aged.age_seconds,
  CAST(:warn_seconds AS float8) AS warn_seconds,
  CAST(:error_seconds AS float8) AS error_seconds
FROM aged;
