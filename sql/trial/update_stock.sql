-- Tries an UPDATE of stock that names the columns which the backfill names, and says whether it arrived.
--
-- The shelf life changes, since a trigger may discard what changes nothing. The notes change, since the shop's trigger may
-- have the last word on the shelf life: what else tells its row from one that was discarded by returning OLD.
--
-- Locks: ROW EXCLUSIVE on stock, and what the shop's triggers take, until the trial is rolled back.

WITH written AS (
  UPDATE inventory.stock
  SET
    shelf_life_days = coalesce(stock.shelf_life_days, 0) + 1,
    purchase_price = stock.purchase_price,
    gross_purchase_price = stock.gross_purchase_price,
    vat_amount = stock.vat_amount,
    profit_per_shelf_day = stock.profit_per_shelf_day,
    roi_percentage = stock.roi_percentage,
    notes = concat(stock.notes, '.')
  FROM inventory.stock AS before
  WHERE stock.id = :id
    AND before.id = stock.id
  RETURNING
    stock.shelf_life_days IS DISTINCT FROM before.shelf_life_days OR stock.notes IS DISTINCT FROM before.notes AS changed
)
SELECT 1 AS tried, count(*) FILTER (WHERE written.changed) AS arrived
FROM written;
