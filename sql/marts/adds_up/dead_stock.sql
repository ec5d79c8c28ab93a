-- It is what the last bucket of age counts.
--
-- Locks: none; it reads the warehouse.

SELECT
  'items' AS what,
  (SELECT count(dead_stock.stock_id) FROM dead_stock) AS found,
  sum(age.items) AS expected
FROM age
WHERE age.place = 5
UNION ALL
SELECT
  'value' AS what,
  (SELECT coalesce(sum(dead_stock.value), 0) FROM dead_stock) AS found,
  sum(age.value) AS expected
FROM age
WHERE age.place = 5;
