-- The materialized view of metrics with its two indexes, filled by its refresh function.
--
-- Locks: ACCESS SHARE on stock while the view is filled. In one transaction, so that nobody meets the view
--        empty or without its indexes.
-- Again: fails if the view exists; the deployment drops a differing one first, in the same transaction.

BEGIN;

SELECT inventory_ops.keep_view();

CREATE MATERIALIZED VIEW inventory.stock_metrics_view AS
SELECT
  s.id as stock_id,
  s.quantity as total_quantity,
  s.quantity - COALESCE(s.reserved_quantity, 0) as available_quantity,
  s.reserved_quantity,
  s.gross_purchase_price as total_cost,
  CASE
    WHEN s.roi_percentage IS NOT NULL AND s.roi_percentage > 0
    THEN s.gross_purchase_price * (s.roi_percentage / 100)
    ELSE NULL
  END as expected_profit,
  now() as last_calculated_at,
  s.created_at,
  s.updated_at
FROM inventory.stock s
WITH NO DATA;

-- The view is new in this transaction: nobody waits for it.
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX idx_stock_metrics_view_stock_id
ON inventory.stock_metrics_view (stock_id);

-- squawk-ignore require-concurrent-index-creation
CREATE INDEX idx_stock_metrics_view_available
ON inventory.stock_metrics_view (available_quantity)
WHERE available_quantity > 0;

COMMENT ON MATERIALIZED VIEW inventory.stock_metrics_view IS
  'Computed metrics of every stock row, as of last_calculated_at';

SELECT inventory.refresh_stock_metrics();

SELECT inventory_ops.give_back_view();

COMMIT;
