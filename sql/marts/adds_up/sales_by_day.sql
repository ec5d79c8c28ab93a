-- All sales are in it, with their money and their profit.
--
-- Locks: none; it reads the warehouse.

SELECT
  'sales' AS what,
  coalesce(sum(sales_by_day.orders), 0) AS found,
  (SELECT count(sold_item.order_id) FROM sold_item) AS expected
FROM sales_by_day
UNION ALL
SELECT
  'gross sale' AS what,
  coalesce(sum(sales_by_day.gross_sale), 0) AS found,
  (SELECT coalesce(sum(sold_item.gross_sale), 0) FROM sold_item) AS expected
FROM sales_by_day
UNION ALL
SELECT
  'profit' AS what,
  coalesce(sum(sales_by_day.profit), 0) AS found,
  (SELECT coalesce(sum(sold_item.profit), 0) FROM sold_item) AS expected
FROM sales_by_day;
