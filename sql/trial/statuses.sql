-- The statuses that stock rows have, at most 50: a trigger may refuse the rows of one alone.
--
-- Locks: ACCESS SHARE on stock for the length of the query.

SELECT DISTINCT stock.status
FROM inventory.stock
ORDER BY stock.status
LIMIT 50;
