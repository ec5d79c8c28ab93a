-- A stock row of one status, for the trial.
--
-- Locks: FOR NO KEY UPDATE on that row, until the trial is rolled back. One that somebody else holds is passed over.

SELECT stock.id, stock.status
FROM inventory.stock
WHERE stock.status IS NOT DISTINCT FROM :status
LIMIT 1
FOR NO KEY UPDATE SKIP LOCKED;
