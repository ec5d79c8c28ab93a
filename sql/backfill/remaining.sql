-- How many stock rows are still to be visited.
--
-- Locks: ACCESS SHARE on stock for the length of the count.

SELECT count(*) AS rows
FROM inventory.stock
WHERE CAST(:after AS uuid) IS NULL OR stock.id > CAST(:after AS uuid);
