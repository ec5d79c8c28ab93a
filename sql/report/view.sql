-- Rows of stock_metrics_view and its size on disk.
--
-- A view without rows, of a shop without stock, says nothing of its last refresh; the refresh itself does.
--
-- Locks: ACCESS SHARE on the view for the length of one scan.

SELECT
  count(*) AS rows,
  coalesce(
    max(view.last_calculated_at),
    (SELECT max(refresh.started_at) FROM inventory_ops.metrics_refresh AS refresh)
  ) AS last_refresh,
  -- In incremental mode the view takes no room, its read model does.
  pg_total_relation_size('inventory.stock_metrics_view')
    + coalesce(pg_total_relation_size(to_regclass('inventory_ops.stock_metrics_read_model')), 0) AS bytes
FROM inventory.stock_metrics_view AS view;
