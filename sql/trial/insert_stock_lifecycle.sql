-- Tries to add the stock_lifecycle row of a stock row that has none, as the synchronisation does, and says whether it arrived.
--
-- Locks: ROW EXCLUSIVE on stock_lifecycle, FOR KEY SHARE on the stock row, and what the shop's triggers take, until the trial
--        is rolled back.

WITH chosen AS (
  SELECT stock.id, stock.quantity
  FROM inventory.stock
  WHERE stock.id = :id
    AND NOT EXISTS (SELECT FROM inventory.stock_lifecycle AS legacy WHERE legacy.stock_id = stock.id)
),
written AS (
  INSERT INTO inventory.stock_lifecycle (
    id, stock_id, shelf_life_days, listed_on_platforms, status_history, created_at, updated_at
  )
  SELECT
    gen_random_uuid(), chosen.id, NULL, '[]', '[]', now(), now()
  FROM chosen
  RETURNING 1
)
SELECT
  (SELECT count(*) FROM chosen) AS tried,
  (SELECT count(*) FROM written) AS arrived;
