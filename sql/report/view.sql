-- Rows of stock_metrics_view and its size on disk.
--
-- Locks: ACCESS SHARE on the view for the length of one scan.

SELECT
  count(*) AS rows,
  max(view.last_calculated_at) AS last_refresh,
  pg_total_relation_size('inventory.stock_metrics_view') AS bytes
FROM inventory.stock_metrics_view AS view;
