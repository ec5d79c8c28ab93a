-- Expand: the three columns that fold stock_lifecycle and stock_metrics into stock.
--
-- Locks: ACCESS EXCLUSIVE on stock for an instant: no default is volatile, so no row is rewritten.
-- Again: safe; a column that exists is left alone.

ALTER TABLE inventory.stock
  ADD COLUMN IF NOT EXISTS listed_on_platforms jsonb,
  ADD COLUMN IF NOT EXISTS status_history jsonb,
  -- squawk-ignore prefer-bigint-over-int
  ADD COLUMN IF NOT EXISTS reserved_quantity integer DEFAULT 0;

-- One that was added by hand may lack it.
ALTER TABLE inventory.stock ALTER COLUMN reserved_quantity SET DEFAULT 0;

COMMENT ON COLUMN inventory.stock.listed_on_platforms IS 'Platform listing history (StockX, eBay, etc.)';

COMMENT ON COLUMN inventory.stock.status_history IS 'Historical status changes with timestamps';

COMMENT ON COLUMN inventory.stock.reserved_quantity IS 'Currently reserved units';
