-- Each row of stock_metrics_view says what its query gives for the stock row now, unless that row changed since.
--
-- Asset: inventory/stock_metrics_view
-- Locks: ACCESS SHARE on stock and the view for the length of the query.
-- Means: The view shows wrong figures for stock that nobody touched: its definition was changed or it is damaged.

WITH last_refresh AS (
  SELECT refresh.horizon
  FROM inventory_ops.metrics_refresh AS refresh
  ORDER BY refresh.id DESC
  LIMIT 1
),
differing AS (
  SELECT
    s.id AS stock_id,
    -- Written by a transaction that had not ended when the last refresh began.
    age(s.xmin) <= age((SELECT last_refresh.horizon FROM last_refresh)::xid) AS pending
  FROM inventory.stock AS s
  JOIN inventory.stock_metrics_view AS view ON view.stock_id = s.id
  WHERE (
    view.total_quantity,
    view.available_quantity,
    view.reserved_quantity,
    view.total_cost,
    view.expected_profit,
    view.created_at,
    view.updated_at
  ) IS DISTINCT FROM (
    s.quantity,
    s.quantity - coalesce(s.reserved_quantity, 0),
    s.reserved_quantity,
    s.gross_purchase_price,
    CASE WHEN s.roi_percentage > 0 THEN s.gross_purchase_price * (s.roi_percentage / 100) END,
    s.created_at,
    s.updated_at
  )
)
SELECT
  count(*) FILTER (WHERE differing.pending IS NOT TRUE) = 0 AS passed,
  (SELECT count(*) FROM inventory.stock_metrics_view) AS view_records,
  count(*) FILTER (WHERE differing.pending) AS pending_changes,
  count(*) FILTER (WHERE differing.pending IS NOT TRUE) AS wrong,
  (
    array_agg(differing.stock_id::text ORDER BY differing.stock_id)
    FILTER (WHERE differing.pending IS NOT TRUE)
  )[1:5] AS examples
FROM differing;
