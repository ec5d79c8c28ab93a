-- The last full comparison found no row of the read model that had changed without its change being queued.
--
-- In incremental mode only; what it found it has repaired. Looked for daily, by the job compare_stock_metrics.
--
-- Asset: inventory/stock_metrics_view
-- Locks: ACCESS SHARE on the records of comparisons.
-- Means: Somebody wrote to stock with its triggers switched off: readers saw wrong metrics until they were repaired.

SELECT
  coalesce(max(last.missing + last.wrong + last.phantom), 0) = 0 AS passed,
  'WARN' AS severity,
  max(last.missing) AS missing,
  max(last.wrong) AS wrong,
  max(last.phantom) AS phantom,
  max(last.compared_at) AS compared_at,
  max(last.compared_by) AS compared_by,
  max(last.examples) AS examples
FROM (
  SELECT
    comparison.missing,
    comparison.wrong,
    comparison.phantom,
    comparison.compared_at,
    comparison.compared_by,
    comparison.examples
  FROM inventory_ops.metrics_comparison AS comparison
  ORDER BY comparison.id DESC
  LIMIT 1
) AS last;
