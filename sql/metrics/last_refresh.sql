-- The last refresh and the rows the view holds; the seed's freshness query with what the refresh recorded of itself.
--
-- A view without rows, of a shop without stock, says nothing of its last refresh; the refresh itself does.
--
-- Locks: ACCESS SHARE on the view for the length of the count.

SELECT
  count(view.stock_id) AS total_records,
  coalesce(max(view.last_calculated_at), recorded.started_at) AS last_refresh,
  extract(epoch FROM now() - coalesce(max(view.last_calculated_at), recorded.started_at))::float8 AS age_seconds,
  (
    SELECT extract(epoch FROM refresh.finished_at - refresh.started_at)::float8
    FROM inventory_ops.metrics_refresh AS refresh
    ORDER BY refresh.id DESC
    LIMIT 1
  ) AS refresh_seconds,
  -- How old the figures before it had become: the time between the last two refreshes, NULL after the first.
  (
    SELECT extract(epoch FROM max(refresh.started_at) - min(refresh.started_at))::float8
    FROM (
      SELECT metrics_refresh.started_at
      FROM inventory_ops.metrics_refresh
      ORDER BY metrics_refresh.id DESC
      LIMIT 2
    ) AS refresh
    HAVING count(*) = 2
  ) AS replaced_age_seconds,
  -- In incremental mode the view takes no room, its read model does.
  pg_total_relation_size('inventory.stock_metrics_view')
    + coalesce(pg_total_relation_size(to_regclass('inventory_ops.stock_metrics_read_model')), 0) AS bytes
FROM (SELECT max(refresh.started_at) AS started_at FROM inventory_ops.metrics_refresh AS refresh) AS recorded
LEFT JOIN inventory.stock_metrics_view AS view ON true
GROUP BY recorded.started_at;
