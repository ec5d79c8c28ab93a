-- The two indexes of the materialized view, on the read model, with as much left free in their pages as in its own.
--
-- Locks: SHARE on the read model while each is built; nobody writes to it but a refresh, which waits.
-- Again: safe.

CREATE UNIQUE INDEX idx_stock_metrics_view_stock_id
ON inventory_ops.stock_metrics_read_model (stock_id)
WITH (fillfactor = 66);

CREATE INDEX idx_stock_metrics_view_available
ON inventory_ops.stock_metrics_read_model (available_quantity)
WITH (fillfactor = 66)
WHERE available_quantity > 0;

-- Also the visibility map: without it, the first reader of each page would write to it.
VACUUM (ANALYZE) inventory_ops.stock_metrics_read_model;
