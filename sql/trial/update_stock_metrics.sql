-- Tries an UPDATE of the stock_metrics row of a stock row, as the synchronisation makes it, and says whether it arrived.
--
-- Locks: ROW EXCLUSIVE on stock_metrics, FOR NO KEY UPDATE on one row that nobody else holds, and what the shop's triggers
--        take, until the trial is rolled back.

WITH chosen AS (
  SELECT legacy.id
  FROM inventory.stock_metrics AS legacy
  WHERE legacy.stock_id = :id
  LIMIT 1
  FOR NO KEY UPDATE SKIP LOCKED
),
written AS (
  UPDATE inventory.stock_metrics AS legacy
  SET
    available_quantity = legacy.available_quantity,
    reserved_quantity = legacy.reserved_quantity,
    total_cost = legacy.total_cost,
    expected_profit = legacy.expected_profit,
    last_calculated_at = clock_timestamp(),
    updated_at = clock_timestamp()
  FROM chosen
  JOIN inventory.stock_metrics AS before ON before.id = chosen.id
  WHERE legacy.id = chosen.id
  RETURNING
    legacy.updated_at IS DISTINCT FROM before.updated_at
    OR legacy.last_calculated_at IS DISTINCT FROM before.last_calculated_at AS changed
)
SELECT
  (SELECT count(*) FROM chosen) AS tried,
  (SELECT count(*) FROM written WHERE written.changed) AS arrived;
