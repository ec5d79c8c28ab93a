-- The newest stock_financial row of each stock row says the same as stock; a price missing in stock is 0 there.
--
-- Asset: inventory/stock
-- Locks: ACCESS SHARE on stock and stock_financial for the length of the query.
-- Means: stock_financial holds figures that stock does not: they would be lost with the old table.

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
compared AS (
  SELECT
    newest.stock_id,
    stock.id IS NULL AS orphan,
    stock.id IS NULL
      -- Prices are NOT NULL in stock_financial, where 0 stands for the NULL that stock may hold.
      OR (
        coalesce(stock.purchase_price, 0),
        coalesce(stock.gross_purchase_price, 0),
        coalesce(stock.vat_amount, 0),
        stock.profit_per_shelf_day,
        stock.roi_percentage
      ) IS DISTINCT FROM (
        newest.purchase_price,
        newest.gross_purchase_price,
        newest.vat_amount,
        newest.profit_per_shelf_day,
        newest.roi
      ) AS wrong
  FROM newest
  LEFT JOIN inventory.stock ON stock.id = newest.stock_id
)
SELECT
  count(*) FILTER (WHERE compared.wrong) = 0 AS passed,
  count(*) FILTER (WHERE NOT compared.wrong) AS consistent,
  count(*) FILTER (WHERE compared.wrong) AS inconsistent,
  count(*) FILTER (WHERE compared.orphan) AS orphans,
  (SELECT count(*) FROM inventory.stock_financial) AS financial_records,
  (SELECT count(*) FROM inventory.stock_financial) - count(*) AS set_aside,
  (array_agg(compared.stock_id::text ORDER BY compared.stock_id) FILTER (WHERE compared.wrong))[1:5] AS examples
FROM compared;
