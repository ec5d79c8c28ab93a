-- It is each sale once, with its money.
--
-- Locks: none; it reads the warehouse.

SELECT
  'sales' AS what,
  count(sold_item.order_id) AS found,
  (SELECT count(sale.order_id) FROM sale) AS expected
FROM sold_item
UNION ALL
SELECT
  'gross sale' AS what,
  sum(sold_item.gross_sale) AS found,
  (SELECT sum(sale.gross_sale) FROM sale) AS expected
FROM sold_item;
