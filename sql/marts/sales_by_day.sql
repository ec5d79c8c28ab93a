-- What was sold on each day, by brand, category and platform.
--
-- Reads: sold_item
-- Grain: day, brand, category, platform
-- Unknown: a day without a row had no sale. A sum leaves out what is unknown, and is empty where all of it is; it is
--   counted how many orders have no known profit.
-- Columns: day: in UTC; brand: name; category: name; platform: where; orders: sales; gross_sale: what buyers paid, EUR;
--   platform_fee: what the platform kept, EUR; shipping_cost: EUR; net_proceeds: what arrives after fees, EUR;
--   orders_without_profit: of these, profit unknown; profit: of the others, EUR; roi: percent of what they had cost.
-- Locks: none; it reads the warehouse.

SELECT
  sold_item.sold_day AS day,
  sold_item.brand AS brand,
  sold_item.category AS category,
  sold_item.platform AS platform,
  count(sold_item.order_id) AS orders,
  cast(sum(sold_item.gross_sale) AS decimal(18, 2)) AS gross_sale,
  cast(sum(sold_item.platform_fee) AS decimal(18, 2)) AS platform_fee,
  cast(sum(sold_item.shipping_cost) AS decimal(18, 2)) AS shipping_cost,
  cast(sum(sold_item.net_proceeds) AS decimal(18, 2)) AS net_proceeds,
  cast(sum(CASE WHEN sold_item.profit IS NULL THEN 1 ELSE 0 END) AS bigint) AS orders_without_profit,
  cast(sum(sold_item.profit) AS decimal(18, 2)) AS profit,
  cast(sum(CASE WHEN sold_item.cost IS NOT NULL THEN sold_item.profit END) AS double) * 100
  / nullif(cast(sum(CASE WHEN sold_item.profit IS NOT NULL THEN sold_item.cost END) AS double), 0) AS roi
FROM sold_item
GROUP BY sold_item.sold_day, sold_item.brand, sold_item.category, sold_item.platform;
