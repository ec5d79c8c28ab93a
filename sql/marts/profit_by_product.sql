-- Which products bring the most, and which the least.
--
-- Reads: sold_item
-- Grain: sku, product
-- Unknown: a sum leaves out what is unknown, and is empty where all of it is; it is counted how many orders have no known profit.
-- Columns: sku: the maker's number; product: name; brand: name; orders: sales; gross_sale: what buyers paid, EUR;
--   orders_without_profit: of these, profit unknown; profit: of the others, EUR; profit_per_order: EUR; roi: percent of what
--   they had cost; median_days: from delivery to sale.
-- Locks: none; it reads the warehouse.

SELECT
  sold_item.sku AS sku,
  sold_item.product AS product,
  min(sold_item.brand) AS brand,
  count(sold_item.order_id) AS orders,
  cast(sum(sold_item.gross_sale) AS decimal(18, 2)) AS gross_sale,
  cast(sum(CASE WHEN sold_item.profit IS NULL THEN 1 ELSE 0 END) AS bigint) AS orders_without_profit,
  cast(sum(sold_item.profit) AS decimal(18, 2)) AS profit,
  cast(sum(sold_item.profit) AS double) / nullif(count(sold_item.profit), 0) AS profit_per_order,
  cast(sum(CASE WHEN sold_item.cost IS NOT NULL THEN sold_item.profit END) AS double) * 100
  / nullif(cast(sum(CASE WHEN sold_item.profit IS NOT NULL THEN sold_item.cost END) AS double), 0) AS roi,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY sold_item.days_held) AS median_days
FROM sold_item
GROUP BY sold_item.sku, sold_item.product;
