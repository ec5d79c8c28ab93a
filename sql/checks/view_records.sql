-- stock_metrics_view has been filled and holds one row for each stock_id.
--
-- Asset: inventory/stock_metrics_view
-- Locks: ACCESS SHARE on the view for the length of the query.
-- Means: The view was rebuilt by hand with other content: readers count units twice or find no owner for a row.

SELECT
  count(*) = count(DISTINCT view.stock_id) AS passed,
  count(*) AS view_records,
  count(*) - count(DISTINCT view.stock_id) AS doubled_or_null,
  (SELECT max(refresh.started_at) FROM inventory_ops.metrics_refresh AS refresh) AS last_refresh
FROM inventory.stock_metrics_view AS view;
