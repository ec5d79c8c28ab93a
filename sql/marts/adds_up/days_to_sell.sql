-- All that was sold is in one brand.
--
-- Locks: none; it reads the warehouse.

SELECT
  'items sold' AS what,
  coalesce(sum(days_to_sell.sold), 0) AS found,
  (SELECT count(stock_item.stock_id) FROM stock_item WHERE stock_item.state = 'sold') AS expected
FROM days_to_sell;
