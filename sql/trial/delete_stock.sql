-- Tries to delete a stock row as the shop does, and says whether it is gone.
--
-- Locks: FOR UPDATE on it and on what goes with it, and what the shop's triggers take, until the trial is rolled back.

WITH written AS (
  DELETE FROM inventory.stock
  WHERE stock.id = :id
  RETURNING 1
)
SELECT 1 AS tried, count(*) AS arrived
FROM written;
