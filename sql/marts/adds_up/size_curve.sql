-- All that was bought is of one brand and size.
--
-- Locks: none; it reads the warehouse.

SELECT
  'items bought' AS what,
  coalesce(sum(size_curve.bought), 0) AS found,
  (SELECT count(stock_item.stock_id) FROM stock_item) AS expected
FROM size_curve;
