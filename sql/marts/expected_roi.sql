-- What is expected of what is on hand, by brand, by size and by supplier.
--
-- Reads: stock_item
-- Grain: grouped_by, name
-- Unknown: only units whose price and ROI are recorded are in the figures, and it is counted how many are not. Where none is
--   known, the ROI is empty.
-- Columns: grouped_by: brand, size or supplier; name: of it; units: on hand; units_unknown: of these, price or ROI unknown;
--   cost: what the others cost, with VAT, EUR; expected_profit: what they are expected to bring beyond that, EUR; roi:
--   percent of the cost.
-- Locks: none; it reads the warehouse.

WITH item AS (
  SELECT
    stock_item.brand AS brand,
    stock_item.size AS size,
    stock_item.supplier AS supplier,
    stock_item.quantity AS units,
    CASE
      WHEN stock_item.roi_percentage IS NOT NULL THEN stock_item.quantity * stock_item.gross_purchase_price
    END AS cost,
    cast(stock_item.quantity * stock_item.gross_purchase_price * stock_item.roi_percentage * 0.01 AS decimal(18, 2)) AS profit
  FROM stock_item
  WHERE stock_item.state = 'on hand'
),

grouped AS (
  SELECT 'brand' AS grouped_by, item.brand AS name, item.units AS units, item.cost AS cost, item.profit AS profit
  FROM item
  UNION ALL
  SELECT 'size' AS grouped_by, item.size AS name, item.units AS units, item.cost AS cost, item.profit AS profit
  FROM item
  UNION ALL
  SELECT 'supplier' AS grouped_by, item.supplier AS name, item.units AS units, item.cost AS cost, item.profit AS profit
  FROM item
)

SELECT
  grouped.grouped_by AS grouped_by,
  grouped.name AS name,
  cast(sum(grouped.units) AS bigint) AS units,
  cast(sum(CASE WHEN grouped.cost IS NULL THEN grouped.units ELSE 0 END) AS bigint) AS units_unknown,
  cast(sum(grouped.cost) AS decimal(18, 2)) AS cost,
  cast(sum(grouped.profit) AS decimal(18, 2)) AS expected_profit,
  cast(sum(grouped.profit) AS double) * 100 / nullif(cast(sum(grouped.cost) AS double), 0) AS roi
FROM grouped
GROUP BY grouped.grouped_by, grouped.name;
