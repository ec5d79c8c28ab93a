-- The day's figures are those of the marts beside it.
--
-- Locks: none; it reads the warehouse.

SELECT
  'units' AS what,
  today.units AS found,
  (SELECT sum(age.units) FROM age) AS expected
FROM today
WHERE today.units IS NOT NULL
UNION ALL
SELECT
  'value' AS what,
  coalesce(today.value, 0) AS found,
  (SELECT sum(age.value) FROM age) AS expected
FROM today
WHERE today.units IS NOT NULL
UNION ALL
SELECT
  'sales of 30 days' AS what,
  today.orders_30_days AS found,
  (SELECT coalesce(sum(platforms.orders_30_days), 0) FROM platforms) AS expected
FROM today
WHERE today.orders_30_days IS NOT NULL;
