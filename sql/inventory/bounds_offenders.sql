-- The stock rows that hold less than nothing or more than there is as reserved: the first 20, and how many.
--
-- Locks: ACCESS SHARE on stock, for one sequential scan.

SELECT stock.id, stock.quantity, stock.reserved_quantity, count(*) OVER () AS offenders
FROM inventory.stock
WHERE NOT (coalesce(stock.reserved_quantity, 0) BETWEEN 0 AND stock.quantity)
ORDER BY stock.id
LIMIT 20;
