-- What a view reads in place of stock_financial: its columns, as stock has them.
--
-- Three queries, the first that gives the same rows counts: every stock row had a row there, or those of which a price is
-- known, or none. What stock does not hold, the row's own id and dates, is NULL.
--
-- Locks: ACCESS SHARE on stock for the length of the query.

SELECT
  NULL::uuid AS id,
  stock.id AS stock_id,
  coalesce(stock.purchase_price, 0)::numeric(10, 2) AS purchase_price,
  coalesce(stock.gross_purchase_price, 0)::numeric(10, 2) AS gross_purchase_price,
  coalesce(stock.vat_amount, 0)::numeric(10, 2) AS vat_amount,
  stock.profit_per_shelf_day,
  stock.roi_percentage AS roi,
  NULL::timestamptz AS created_at,
  NULL::timestamptz AS updated_at
FROM inventory.stock;

SELECT
  NULL::uuid AS id,
  stock.id AS stock_id,
  coalesce(stock.purchase_price, 0)::numeric(10, 2) AS purchase_price,
  coalesce(stock.gross_purchase_price, 0)::numeric(10, 2) AS gross_purchase_price,
  coalesce(stock.vat_amount, 0)::numeric(10, 2) AS vat_amount,
  stock.profit_per_shelf_day,
  stock.roi_percentage AS roi,
  NULL::timestamptz AS created_at,
  NULL::timestamptz AS updated_at
FROM inventory.stock
WHERE coalesce(
  stock.purchase_price,
  stock.gross_purchase_price,
  stock.vat_amount,
  stock.profit_per_shelf_day,
  stock.roi_percentage
) IS NOT NULL;

SELECT
  NULL::uuid AS id,
  stock.id AS stock_id,
  coalesce(stock.purchase_price, 0)::numeric(10, 2) AS purchase_price,
  coalesce(stock.gross_purchase_price, 0)::numeric(10, 2) AS gross_purchase_price,
  coalesce(stock.vat_amount, 0)::numeric(10, 2) AS vat_amount,
  stock.profit_per_shelf_day,
  stock.roi_percentage AS roi,
  NULL::timestamptz AS created_at,
  NULL::timestamptz AS updated_at
FROM inventory.stock
WHERE false;
