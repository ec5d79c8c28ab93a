-- All that was bought on a known day is in one month.
--
-- Locks: none; it reads the warehouse.

SELECT
  'items bought' AS what,
  coalesce(sum(sell_through_by_month.bought), 0) AS found,
  (SELECT count(stock_item.bought_day) FROM stock_item) AS expected
FROM sell_through_by_month;
