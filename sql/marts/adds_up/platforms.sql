-- All sales are in it, with their money and their profit.
--
-- Locks: none; it reads the warehouse.

SELECT
  'sales' AS what,
  coalesce(sum(platforms.orders), 0) AS found,
  (SELECT count(sold_item.order_id) FROM sold_item) AS expected
FROM platforms
UNION ALL
SELECT
  'gross sale' AS what,
  coalesce(sum(platforms.gross_sale), 0) AS found,
  (SELECT coalesce(sum(sold_item.gross_sale), 0) FROM sold_item) AS expected
FROM platforms
UNION ALL
SELECT
  'profit' AS what,
  coalesce(sum(platforms.profit), 0) AS found,
  (SELECT coalesce(sum(sold_item.profit), 0) FROM sold_item) AS expected
FROM platforms;
