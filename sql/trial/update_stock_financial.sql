-- Tries an UPDATE of the stock_financial row of a stock row, as the synchronisation makes it, and says whether it arrived.
--
-- Locks: ROW EXCLUSIVE on stock_financial, FOR NO KEY UPDATE on one row that nobody else holds, and what the shop's triggers
--        take, until the trial is rolled back.

WITH chosen AS (
  SELECT legacy.id
  FROM inventory.stock_financial AS legacy
  WHERE legacy.stock_id = :id
  LIMIT 1
  FOR NO KEY UPDATE SKIP LOCKED
),
written AS (
  UPDATE inventory.stock_financial AS legacy
  SET
    purchase_price = legacy.purchase_price,
    gross_purchase_price = legacy.gross_purchase_price,
    vat_amount = legacy.vat_amount,
    profit_per_shelf_day = legacy.profit_per_shelf_day,
    roi = legacy.roi,
    updated_at = clock_timestamp()
  FROM chosen
  JOIN inventory.stock_financial AS before ON before.id = chosen.id
  WHERE legacy.id = chosen.id
  RETURNING legacy.updated_at IS DISTINCT FROM before.updated_at AS changed
)
SELECT
  (SELECT count(*) FROM chosen) AS tried,
  (SELECT count(*) FROM written WHERE written.changed) AS arrived;
