-- Tries to add the stock_metrics row of a stock row that has none, as the synchronisation does, and says whether it arrived.
--
-- Locks: ROW EXCLUSIVE on stock_metrics, FOR KEY SHARE on the stock row, and what the shop's triggers take, until the trial
--        is rolled back.

WITH chosen AS (
  SELECT stock.id, stock.quantity
  FROM inventory.stock
  WHERE stock.id = :id
    AND NOT EXISTS (SELECT FROM inventory.stock_metrics AS legacy WHERE legacy.stock_id = stock.id)
),
written AS (
  INSERT INTO inventory.stock_metrics (
    id, stock_id, available_quantity, reserved_quantity, total_cost, expected_profit, last_calculated_at, created_at,
    updated_at
  )
  SELECT
    gen_random_uuid(), chosen.id, coalesce(chosen.quantity, 0), 0, NULL, NULL, now(), now(), now()
  FROM chosen
  RETURNING 1
)
SELECT
  (SELECT count(*) FROM chosen) AS tried,
  (SELECT count(*) FROM written) AS arrived;
