-- The stock row that the backfill visits next.
--
-- Locks: ACCESS SHARE on stock for an instant.

SELECT CAST(stock.id AS text) AS id
FROM inventory.stock
WHERE CAST(:after AS uuid) IS NULL OR stock.id > CAST(:after AS uuid)
ORDER BY stock.id
LIMIT 1;
