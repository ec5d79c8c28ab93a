-- Tries an UPDATE of the stock_lifecycle row of a stock row, as the synchronisation makes it, and says whether it arrived.
--
-- Locks: ROW EXCLUSIVE on stock_lifecycle, FOR NO KEY UPDATE on one row that nobody else holds, and what the shop's triggers
--        take, until the trial is rolled back.

WITH chosen AS (
  SELECT legacy.id
  FROM inventory.stock_lifecycle AS legacy
  WHERE legacy.stock_id = :id
  LIMIT 1
  FOR NO KEY UPDATE SKIP LOCKED
),
written AS (
  UPDATE inventory.stock_lifecycle AS legacy
  SET
    shelf_life_days = coalesce(legacy.shelf_life_days, 0) + 1,
    listed_on_platforms = legacy.listed_on_platforms,
    status_history = legacy.status_history,
    updated_at = clock_timestamp()
  FROM chosen
  JOIN inventory.stock_lifecycle AS before ON before.id = chosen.id
  WHERE legacy.id = chosen.id
  RETURNING
    legacy.shelf_life_days IS DISTINCT FROM before.shelf_life_days OR legacy.updated_at IS DISTINCT FROM before.updated_at AS changed
)
SELECT
  (SELECT count(*) FROM chosen) AS tried,
  (SELECT count(*) FROM written WHERE written.changed) AS arrived;
