-- Where the pairs go: sales by country.
--
-- Reads: sold_item
-- Grain: country
-- Unknown: a country that nobody recorded is called unknown. A sum leaves out what is unknown, and is empty where all of it is.
-- Columns: country: where to; orders: sales; share_of_orders: percent; gross_sale: what buyers paid, EUR; profit: EUR;
--   margin: profit, percent of what buyers paid where both are known.
-- Locks: none; it reads the warehouse.

SELECT
  sold_item.country AS country,
  count(sold_item.order_id) AS orders,
  cast(count(sold_item.order_id) AS double) * 100 / sum(count(sold_item.order_id)) OVER () AS share_of_orders,
  cast(sum(sold_item.gross_sale) AS decimal(18, 2)) AS gross_sale,
  cast(sum(sold_item.profit) AS decimal(18, 2)) AS profit,
  cast(sum(CASE WHEN sold_item.gross_sale IS NOT NULL THEN sold_item.profit END) AS double) * 100
  / nullif(cast(sum(CASE WHEN sold_item.profit IS NOT NULL THEN sold_item.gross_sale END) AS double), 0) AS margin
FROM sold_item
GROUP BY sold_item.country;
