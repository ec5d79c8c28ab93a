-- All that was bought is of one supplier.
--
-- Locks: none; it reads the warehouse.

SELECT
  'items bought' AS what,
  coalesce(sum(sell_through_by_supplier.bought), 0) AS found,
  (SELECT count(stock_item.stock_id) FROM stock_item) AS expected
FROM sell_through_by_supplier;
