-- All sales are in it, with their money and their profit.
--
-- Locks: none; it reads the warehouse.

SELECT
  'sales' AS what,
  coalesce(sum(months.orders), 0) AS found,
  (SELECT count(sold_item.order_id) FROM sold_item) AS expected
FROM months
UNION ALL
SELECT
  'gross sale' AS what,
  coalesce(sum(months.gross_sale), 0) AS found,
  (SELECT coalesce(sum(sold_item.gross_sale), 0) FROM sold_item) AS expected
FROM months
UNION ALL
SELECT
  'profit' AS what,
  coalesce(sum(months.profit), 0) AS found,
  (SELECT coalesce(sum(sold_item.profit), 0) FROM sold_item) AS expected
FROM months;
