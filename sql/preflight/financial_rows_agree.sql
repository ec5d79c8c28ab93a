-- The newest stock_financial row of each stock row contradicts stock in nothing.
--
-- What one of the two does not know, NULL or a price of 0, is no contradiction: it takes it from the other.
--
-- Effect: stops until begun
-- Locks: ACCESS SHARE on stock and stock_financial for the length of the query.
-- Fix: Decide for each row listed which side is right, and write it to the other; or say which side counts in all of
--      them: `soleflip deploy --prefer stock` or `--prefer legacy`.
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
  ORDER BY financial.stock_id, financial.updated_at DESC NULLS LAST, financial.created_at DESC NULLS LAST, financial.id DESC
),
differing AS (
  SELECT
    stock.id,
    concat_ws(
      ', ',
      CASE WHEN stock.purchase_price <> nullif(newest.purchase_price, 0) THEN 'purchase_price' END,
      CASE
        WHEN stock.gross_purchase_price <> nullif(newest.gross_purchase_price, 0)
          THEN 'gross_purchase_price'
      END,
      CASE WHEN stock.vat_amount <> nullif(newest.vat_amount, 0) THEN 'vat_amount' END,
      CASE
        WHEN stock.profit_per_shelf_day <> newest.profit_per_shelf_day THEN 'profit_per_shelf_day'
      END,
      CASE WHEN stock.roi_percentage <> newest.roi THEN 'roi' END
    ) AS columns
  FROM newest
  JOIN inventory.stock ON stock.id = newest.stock_id
)
SELECT
  count(*) FILTER (WHERE differing.columns <> '') = 0 OR CAST(:prefer AS text) IS NOT NULL AS passed,
  count(*) AS compared,
  count(*) FILTER (WHERE differing.columns <> '') AS differing,
  CAST(:prefer AS text) AS preferred,
  (
    array_agg(format('stock %s: %s', differing.id, differing.columns) ORDER BY differing.id)
    FILTER (WHERE differing.columns <> '')
  )[1:20] AS examples
FROM differing;
