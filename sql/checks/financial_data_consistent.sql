-- The newest stock_financial row of each stock row says the same as stock; a price missing in stock is 0 there.
--
-- Asset: inventory/stock
-- Locks: ACCESS SHARE on stock and stock_financial for the length of the query.
-- Means: stock_financial holds figures that stock does not: they would be lost with the old table.
-- Until: drop_legacy_tables
--
-- All rows are compared first, and only those that differ are asked whether they are the newest: sorting all of
-- them to find the newest took three times as long.

WITH differing AS MATERIALIZED (
  SELECT
    financial.id,
    financial.stock_id,
    stock.id IS NULL AS orphan
  FROM inventory.stock_financial AS financial
  LEFT JOIN inventory.stock ON stock.id = financial.stock_id
  WHERE stock.id IS NULL
    -- Prices are NOT NULL in stock_financial, where 0 stands for the NULL that stock may hold.
    OR (
      coalesce(stock.purchase_price, 0),
      coalesce(stock.gross_purchase_price, 0),
      coalesce(stock.vat_amount, 0),
      stock.profit_per_shelf_day,
      stock.roi_percentage
    ) IS DISTINCT FROM (
      financial.purchase_price,
      financial.gross_purchase_price,
      financial.vat_amount,
      financial.profit_per_shelf_day,
      financial.roi
    )
),
wrong AS (
  SELECT differing.stock_id, differing.orphan
  FROM differing
  WHERE differing.id = (
    SELECT financial.id
    FROM inventory.stock_financial AS financial
    WHERE financial.stock_id = differing.stock_id
    ORDER BY financial.updated_at DESC NULLS LAST, financial.created_at DESC NULLS LAST, financial.id DESC
    LIMIT 1
  )
),
found AS (
  SELECT
    count(*) AS wrong,
    count(*) FILTER (WHERE wrong.orphan) AS orphans,
    (array_agg(wrong.stock_id::text ORDER BY wrong.stock_id))[1:5] AS examples
  FROM wrong
),
total AS (
  SELECT count(*) AS records, count(DISTINCT financial.stock_id) AS stock_rows
  FROM inventory.stock_financial AS financial
)
SELECT
  found.wrong = 0 AS passed,
  total.stock_rows - found.wrong AS consistent,
  found.wrong AS inconsistent,
  found.orphans,
  total.records AS financial_records,
  total.records - total.stock_rows AS set_aside,
  found.examples
FROM found
CROSS JOIN total;
