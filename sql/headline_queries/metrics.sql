-- The seed's query of the materialized view.
--
-- Index: idx_stock_metrics_view_available
-- Locks: ACCESS SHARE on the view.

SELECT stock_id, total_quantity, available_quantity,
       reserved_quantity, total_cost, expected_profit
FROM inventory.stock_metrics_view
WHERE available_quantity > 0
LIMIT 10;
