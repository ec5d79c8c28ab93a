-- What the deployment summary of 2025-11-29 says was done to inventory.stock, in its own words.
--
-- The lines of columns, the three CREATE INDEX and the CREATE MATERIALIZED VIEW are quoted from it letter by
-- letter; only ALTER TABLE and ADD COLUMN around the columns are ours.

ALTER TABLE inventory.stock
  ADD COLUMN
listed_on_platforms JSONB     -- Platform listing history (StockX, eBay, etc.)
  , ADD COLUMN
status_history JSONB           -- Historical status changes with timestamps
  , ADD COLUMN
reserved_quantity INTEGER DEFAULT 0  -- Currently reserved units
  ;

CREATE INDEX idx_stock_reserved
ON inventory.stock (id, reserved_quantity)
WHERE reserved_quantity > 0;

CREATE INDEX idx_stock_listed_platforms
ON inventory.stock USING GIN (listed_on_platforms)
WHERE listed_on_platforms IS NOT NULL;

CREATE INDEX idx_stock_status_history
ON inventory.stock USING GIN (status_history)
WHERE status_history IS NOT NULL;

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
FROM inventory.stock s;
