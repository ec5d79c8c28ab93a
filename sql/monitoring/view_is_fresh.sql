-- stock_metrics_view was refreshed within the time that its readers rely on.
--
-- :warn_seconds and :error_seconds are the ages at which this is a warning and an error.
--
-- Asset: inventory/stock_metrics_view
-- Locks: ACCESS SHARE on the view for the length of the count.
-- Means: The hourly refresh is paused, stuck or dead; readers see old figures.

WITH refreshed AS (
  SELECT
    count(*) AS total_records,
    -- A shop without stock has no row that could tell.
    coalesce(
      max(view.last_calculated_at), (SELECT max(refresh.started_at) FROM inventory_ops.metrics_refresh AS refresh)
    ) AS last_refresh
  FROM inventory.stock_metrics_view AS view
),
aged AS (
  SELECT
    refreshed.total_records,
    refreshed.last_refresh,
    extract(epoch FROM clock_timestamp() - refreshed.last_refresh)::float8 AS age_seconds
  FROM refreshed
)
SELECT
  coalesce(aged.age_seconds < CAST(:warn_seconds AS float8), false) AS passed,
  CASE WHEN aged.age_seconds < CAST(:error_seconds AS float8) THEN 'WARN' ELSE 'ERROR' END AS severity,
  aged.total_records,
  aged.last_refresh,
  aged.age_seconds,
  CAST(:warn_seconds AS float8) AS warn_seconds,
  CAST(:error_seconds AS float8) AS error_seconds
FROM aged;
