-- Tries to add the stock_metrics row of a stock row, as the synchronisation does, and says whether it arrived.
--
-- Those that it has are deleted first, as the synchronisation deletes its own where a writer brings one. A row that somebody
-- else holds is left alone, and then nothing is tried.
--
-- Locks: ROW EXCLUSIVE on stock_metrics, FOR KEY SHARE on the stock row, and what the shop's triggers take, until the trial
--        is rolled back.

WITH held AS (
  SELECT legacy.id
  FROM inventory.stock_metrics AS legacy
  WHERE legacy.stock_id = :id
  FOR UPDATE SKIP LOCKED
),
gone AS (
  DELETE FROM inventory.stock_metrics AS legacy
  USING held
  WHERE legacy.id = held.id
  RETURNING 1
),
chosen AS (
  SELECT stock.id, stock.quantity
  FROM inventory.stock
  WHERE stock.id = :id
    AND (SELECT count(*) FROM held)
      = (SELECT count(*) FROM inventory.stock_metrics AS legacy WHERE legacy.stock_id = :id)
),
written AS (
  INSERT INTO inventory.stock_metrics (
    id, stock_id, available_quantity, reserved_quantity, total_cost, expected_profit, last_calculated_at, created_at,
    updated_at
  )
  SELECT
    gen_random_uuid(), chosen.id, coalesce(chosen.quantity, 0), 0, NULL, NULL, now(), now(), now()
  FROM chosen
  WHERE (SELECT count(*) FROM gone) = (SELECT count(*) FROM held)
  RETURNING 1
)
SELECT
  (SELECT count(*) FROM chosen) AS tried,
  (SELECT count(*) FROM written) AS arrived;
