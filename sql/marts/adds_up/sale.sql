-- Each sale is one order, and none is counted twice.
--
-- Locks: none; it reads the warehouse.

SELECT 'sales' AS what, count(sale.order_id) AS found, count(DISTINCT sale.order_id) AS expected
FROM sale
UNION ALL
SELECT
  'gross sale' AS what,
  (SELECT sum(sale.gross_sale) FROM sale) AS found,
  sum(sales_order.gross_sale) AS expected
FROM sales_order
WHERE sales_order.id IN (SELECT sale.order_id FROM sale);
