-- Tries to add the stock_lifecycle row of a stock row, as the synchronisation does, and says whether it arrived.
--
-- Those that it has are deleted first, as the synchronisation deletes its own where a writer brings one. A row that somebody
-- else holds is left alone, and then nothing is tried.
--
-- Locks: ROW EXCLUSIVE on stock_lifecycle, FOR KEY SHARE on the stock row, and what the shop's triggers take, until the trial
--        is rolled back.

WITH held AS (
  SELECT legacy.id
  FROM inventory.stock_lifecycle AS legacy
  WHERE legacy.stock_id = :id
  FOR UPDATE SKIP LOCKED
),
gone AS (
  DELETE FROM inventory.stock_lifecycle AS legacy
  USING held
  WHERE legacy.id = held.id
  RETURNING 1
),
chosen AS (
  SELECT stock.id, stock.quantity
  FROM inventory.stock
  WHERE stock.id = :id
    AND (SELECT count(*) FROM held)
      = (SELECT count(*) FROM inventory.stock_lifecycle AS legacy WHERE legacy.stock_id = :id)
),
written AS (
  INSERT INTO inventory.stock_lifecycle (
    id, stock_id, shelf_life_days, listed_on_platforms, status_history, created_at, updated_at
  )
  SELECT
    gen_random_uuid(), chosen.id, NULL, '[]', '[]', now(), now()
  FROM chosen
  WHERE (SELECT count(*) FROM gone) = (SELECT count(*) FROM held)
  RETURNING 1
)
SELECT
  (SELECT count(*) FROM chosen) AS tried,
  (SELECT count(*) FROM written) AS arrived;
