-- All that is on hand is in one bucket.
--
-- Locks: none; it reads the warehouse.

SELECT
  'units' AS what,
  sum(age.units) AS found,
  (SELECT coalesce(sum(stock_item.quantity), 0) FROM stock_item WHERE stock_item.state = 'on hand') AS expected
FROM age;
