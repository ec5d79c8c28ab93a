-- Lets some stock rows take what they do not know from the newest legacy row that does.
--
-- :ids are the rows. The triggers are at work, as for any write to stock.
--
-- Locks: FOR NO KEY UPDATE on those rows of stock, and on their legacy rows, until the end of the transaction.

WITH legacy AS (
  SELECT
    resynced.id,
    lifecycle.shelf_life_days,
    lifecycle.listed_on_platforms,
    lifecycle.status_history,
    financial.purchase_price,
    financial.gross_purchase_price,
    financial.vat_amount,
    financial.profit_per_shelf_day,
    financial.roi,
    coalesce(metrics.reserved_quantity, 0) AS reserved_quantity
  FROM unnest(CAST(:ids AS uuid[])) AS resynced (id)
  LEFT JOIN inventory_ops.newest_lifecycle(CAST(:ids AS uuid[])) AS lifecycle ON lifecycle.stock_id = resynced.id
  LEFT JOIN inventory_ops.newest_financial(CAST(:ids AS uuid[])) AS financial ON financial.stock_id = resynced.id
  LEFT JOIN inventory.stock_metrics AS metrics ON metrics.stock_id = resynced.id
)
UPDATE inventory.stock
SET
  shelf_life_days = coalesce(stock.shelf_life_days, legacy.shelf_life_days),
  listed_on_platforms = coalesce(stock.listed_on_platforms, legacy.listed_on_platforms),
  status_history = coalesce(stock.status_history, legacy.status_history),
  purchase_price = coalesce(stock.purchase_price, legacy.purchase_price),
  gross_purchase_price = coalesce(stock.gross_purchase_price, legacy.gross_purchase_price),
  vat_amount = coalesce(stock.vat_amount, legacy.vat_amount),
  profit_per_shelf_day = coalesce(stock.profit_per_shelf_day, legacy.profit_per_shelf_day),
  roi_percentage = coalesce(stock.roi_percentage, legacy.roi),
  reserved_quantity = coalesce(stock.reserved_quantity, legacy.reserved_quantity)
FROM legacy
WHERE stock.id = legacy.id
  AND (
    (stock.shelf_life_days IS NULL AND legacy.shelf_life_days IS NOT NULL)
    OR (stock.listed_on_platforms IS NULL AND legacy.listed_on_platforms IS NOT NULL)
    OR (stock.status_history IS NULL AND legacy.status_history IS NOT NULL)
    OR (stock.purchase_price IS NULL AND legacy.purchase_price IS NOT NULL)
    OR (stock.gross_purchase_price IS NULL AND legacy.gross_purchase_price IS NOT NULL)
    OR (stock.vat_amount IS NULL AND legacy.vat_amount IS NOT NULL)
    OR (stock.profit_per_shelf_day IS NULL AND legacy.profit_per_shelf_day IS NOT NULL)
    OR (stock.roi_percentage IS NULL AND legacy.roi IS NOT NULL)
    OR stock.reserved_quantity IS NULL
  );
