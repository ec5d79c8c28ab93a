-- The last refresh took no more than three times the median of the fifty before it.
--
-- With fewer than five to compare with, and below a second, nothing is said. What was measured before the view was
-- last kept in another way (sql/incremental, sql/materialized, sql/live) is nothing to compare with.
--
-- Asset: inventory/stock_metrics_view
-- Locks: ACCESS SHARE on the refresh records and the ledger.
-- Means: Refreshes are getting slow: more stock, a bloated view, or a server short of memory or disk.

WITH refreshes AS (
  SELECT
    extract(epoch FROM refresh.finished_at - refresh.started_at)::float8 AS seconds,
    row_number() OVER (ORDER BY refresh.id DESC) AS age
  FROM inventory_ops.metrics_refresh AS refresh
  WHERE refresh.started_at > coalesce(
    (
      SELECT max(ledger.finished_at)
      FROM inventory_ops.ledger
      WHERE ledger.step IN ('50_view_of_read_model', '10_materialized_view', '10_live_view')
    ),
    '-infinity'
  )
  ORDER BY refresh.id DESC
  LIMIT 51
),
compared AS (
  SELECT
    max(refreshes.seconds) FILTER (WHERE refreshes.age = 1) AS last_seconds,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY refreshes.seconds) FILTER (WHERE refreshes.age > 1) AS median_seconds,
    count(*) FILTER (WHERE refreshes.age > 1) AS compared_with
  FROM refreshes
)
SELECT
  compared.compared_with < 5 OR compared.last_seconds <= greatest(3 * compared.median_seconds, 1) AS passed,
  'WARN' AS severity,
  compared.last_seconds,
  compared.median_seconds,
  compared.compared_with
FROM compared;
