-- What a view reads in place of stock_metrics: its columns, computed from stock as the synchronisation computes them.
--
-- Three queries, the first that gives the same rows counts: every stock row had a row there, or those with a
-- reservation, or none. What stock does not hold, the row's own id and dates, is NULL.
--
-- Locks: ACCESS SHARE on stock for the length of the query.

SELECT
  NULL::uuid AS id,
  stock.id AS stock_id,
  coalesce(stock.quantity - coalesce(stock.reserved_quantity, 0), 0) AS available_quantity,
  coalesce(stock.reserved_quantity, 0) AS reserved_quantity,
  stock.gross_purchase_price::numeric(12, 2) AS total_cost,
  CASE WHEN stock.roi_percentage > 0 THEN stock.gross_purchase_price * (stock.roi_percentage / 100) END::numeric(15, 2)
    AS expected_profit,
  NULL::timestamptz AS last_calculated_at,
  NULL::timestamptz AS created_at,
  NULL::timestamptz AS updated_at
FROM inventory.stock;

SELECT
  NULL::uuid AS id,
  stock.id AS stock_id,
  coalesce(stock.quantity - coalesce(stock.reserved_quantity, 0), 0) AS available_quantity,
  coalesce(stock.reserved_quantity, 0) AS reserved_quantity,
  stock.gross_purchase_price::numeric(12, 2) AS total_cost,
  CASE WHEN stock.roi_percentage > 0 THEN stock.gross_purchase_price * (stock.roi_percentage / 100) END::numeric(15, 2)
    AS expected_profit,
  NULL::timestamptz AS last_calculated_at,
  NULL::timestamptz AS created_at,
  NULL::timestamptz AS updated_at
FROM inventory.stock
WHERE stock.reserved_quantity <> 0;

SELECT
  NULL::uuid AS id,
  stock.id AS stock_id,
  coalesce(stock.quantity - coalesce(stock.reserved_quantity, 0), 0) AS available_quantity,
  coalesce(stock.reserved_quantity, 0) AS reserved_quantity,
  stock.gross_purchase_price::numeric(12, 2) AS total_cost,
  CASE WHEN stock.roi_percentage > 0 THEN stock.gross_purchase_price * (stock.roi_percentage / 100) END::numeric(15, 2)
    AS expected_profit,
  NULL::timestamptz AS last_calculated_at,
  NULL::timestamptz AS created_at,
  NULL::timestamptz AS updated_at
FROM inventory.stock
WHERE false;
