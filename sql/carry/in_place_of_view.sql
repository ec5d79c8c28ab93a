-- What a view reads in place of stock_metrics_view when that goes: what it shows now, and the same from the legacy tables.
--
-- When it was last calculated is known no more.
--
-- Locks: ACCESS SHARE on what they read for the length of the query.

SELECT
  stock.id AS stock_id,
  stock.quantity AS total_quantity,
  stock.quantity - coalesce(stock.reserved_quantity, 0) AS available_quantity,
  stock.reserved_quantity,
  stock.gross_purchase_price AS total_cost,
  CASE WHEN stock.roi_percentage > 0 THEN stock.gross_purchase_price * (stock.roi_percentage / 100) END
    AS expected_profit,
  NULL::timestamptz AS last_calculated_at,
  stock.created_at,
  stock.updated_at
FROM inventory.stock;

SELECT
  stock.id AS stock_id,
  stock.quantity AS total_quantity,
  stock.quantity - coalesce(metrics.reserved_quantity, 0) AS available_quantity,
  coalesce(metrics.reserved_quantity, 0) AS reserved_quantity,
  stock.gross_purchase_price AS total_cost,
  CASE WHEN stock.roi_percentage > 0 THEN stock.gross_purchase_price * (stock.roi_percentage / 100) END
    AS expected_profit,
  NULL::timestamptz AS last_calculated_at,
  stock.created_at,
  stock.updated_at
FROM inventory.stock
LEFT JOIN inventory.stock_metrics AS metrics ON metrics.stock_id = stock.id;
