-- Tries to add a stock row as the shop does, like one that is there, and says whether it arrived.
--
-- Locks: ROW EXCLUSIVE on stock, and what the shop's triggers take, until the trial is rolled back.

WITH written AS (
  INSERT INTO inventory.stock (id, product_id, size_id, quantity, status)
  SELECT gen_random_uuid(), stock.product_id, stock.size_id, stock.quantity, stock.status
  FROM inventory.stock
  WHERE stock.id = :id
  RETURNING 1
)
SELECT 1 AS tried, count(*) AS arrived
FROM written;
