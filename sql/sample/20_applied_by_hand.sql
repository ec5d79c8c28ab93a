-- Phase 2 as the application's own script applied it on 2025-11-29: without keys of the backups, triggers or a ledger.
--
-- Its columns, indexes and view are the seed's; its backups are bare copies; its function is its caller's and may be called
-- by everybody.
--
-- Locks: ACCESS EXCLUSIVE on stock, to the end of the transaction that it is run in.

CREATE TABLE inventory.stock_financial_backup AS TABLE inventory.stock_financial;

CREATE TABLE inventory.stock_lifecycle_backup AS TABLE inventory.stock_lifecycle;

CREATE TABLE inventory.stock_metrics_backup AS TABLE inventory.stock_metrics;

ALTER TABLE inventory.stock ADD COLUMN IF NOT EXISTS listed_on_platforms jsonb;

ALTER TABLE inventory.stock ADD COLUMN IF NOT EXISTS status_history jsonb;

ALTER TABLE inventory.stock ADD COLUMN IF NOT EXISTS reserved_quantity integer DEFAULT 0;

COMMENT ON COLUMN inventory.stock.listed_on_platforms IS 'Migrated from stock_lifecycle';

COMMENT ON COLUMN inventory.stock.reserved_quantity IS 'Migrated from stock_metrics';

UPDATE inventory.stock
SET listed_on_platforms = lifecycle.listed_on_platforms, status_history = lifecycle.status_history
FROM inventory.stock_lifecycle AS lifecycle
WHERE lifecycle.stock_id = stock.id;

UPDATE inventory.stock
SET reserved_quantity = metrics.reserved_quantity
FROM inventory.stock_metrics AS metrics
WHERE metrics.stock_id = stock.id;

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

CREATE UNIQUE INDEX idx_stock_metrics_view_stock_id
ON inventory.stock_metrics_view (stock_id);

CREATE INDEX idx_stock_metrics_view_available
ON inventory.stock_metrics_view (available_quantity)
WHERE available_quantity > 0;

CREATE OR REPLACE FUNCTION inventory.refresh_stock_metrics()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  REFRESH MATERIALIZED VIEW CONCURRENTLY inventory.stock_metrics_view;
  RAISE NOTICE 'Stock metrics view refreshed at %', now();
END
$function$;
