-- The newest stock_financial row of each stock row says the same as stock; a price missing in stock is 0 there.
--
-- Effect: stops until begun
-- Locks: ACCESS SHARE on stock and stock_financial for the length of the query.
-- Fix: Decide for each row listed which side is right, and write it to the other: both cannot be kept.
-- Until: drop_legacy_tables

WITH newest AS (
  SELECT DISTINCT ON (financial.stock_id)
    financial.stock_id,
    financial.purchase_price,
    financial.gross_purchase_price,
    financial.vat_amount,
    financial.profit_per_shelf_day,
    financial.roi
  FROM inventory.stock_financial AS financial
  ORDER BY financial.stock_id, financial.updated_at DESC, financial.created_at DESC, financial.id DESC
),
differing AS (
  SELECT
    stock.id,
    concat_ws(
      ', ',
      CASE WHEN coalesce(stock.purchase_price, 0) IS DISTINCT FROM newest.purchase_price THEN 'purchase_price' END,
      CASE
        WHEN coalesce(stock.gross_purchase_price, 0) IS DISTINCT FROM newest.gross_purchase_price
          THEN 'gross_purchase_price'
      END,
      CASE WHEN coalesce(stock.vat_amount, 0) IS DISTINCT FROM newest.vat_amount THEN 'vat_amount' END,
      CASE
        WHEN stock.profit_per_shelf_day IS DISTINCT FROM newest.profit_per_shelf_day THEN 'profit_per_shelf_day'
      END,
      CASE WHEN stock.roi_percentage IS DISTINCT FROM newest.roi THEN 'roi' END
    ) AS columns
  FROM newest
  JOIN inventory.stock ON stock.id = newest.stock_id
)
SELECT
  count(*) FILTER (WHERE differing.columns <> '') = 0 AS passed,
  count(*) AS compared,
  count(*) FILTER (WHERE differing.columns <> '') AS differing,
  (
    array_agg(format('stock %s: %s', differing.id, differing.columns) ORDER BY differing.id)
    FILTER (WHERE differing.columns <> '')
  )[1:20] AS examples
FROM differing;
