-- Puts the materialized view back in the place of the view of the read model, once it is filled and proven equal.
--
-- The view and its indexes are those of sql/phase2/81_stock_metrics_view.sql, made beside it in inventory_ops first.
--
-- Locks: an advisory lock, so that nobody refreshes meanwhile, and ACCESS SHARE on stock while it is filled; then
--        ACCESS EXCLUSIVE on the view for an instant: it waits for the queries that are reading it.
-- Again: fails if the view is a materialized one already.

BEGIN;

SELECT pg_advisory_xact_lock('inventory_ops.metrics_refresh'::regclass::oid::bigint);

CREATE MATERIALIZED VIEW inventory_ops.stock_metrics_view AS
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

DO $$
DECLARE
  begun timestamptz := clock_timestamp();
  seen xid8 := pg_snapshot_xmin(pg_current_snapshot());
BEGIN
  REFRESH MATERIALIZED VIEW inventory_ops.stock_metrics_view;

  INSERT INTO inventory_ops.metrics_refresh (horizon, started_at, finished_at)
  VALUES (seen, begun, clock_timestamp());
END
$$;

-- Nobody knows of the view yet.
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX idx_stock_metrics_view_stock_id_new
ON inventory_ops.stock_metrics_view (stock_id);

-- squawk-ignore require-concurrent-index-creation
CREATE INDEX idx_stock_metrics_view_available_new
ON inventory_ops.stock_metrics_view (available_quantity)
WHERE available_quantity > 0;

COMMENT ON MATERIALIZED VIEW inventory_ops.stock_metrics_view IS
  'Computed metrics of every stock row, as of last_calculated_at';

SELECT inventory_ops.prove_stock_metrics('inventory_ops.stock_metrics_view');

SELECT inventory_ops.keep_view();

-- The swap, also where somebody dropped the view: what has been built beside it takes its name in the same transaction.
-- squawk-ignore ban-drop-view
DROP VIEW IF EXISTS inventory.stock_metrics_view;

-- squawk-ignore ban-set-schema
ALTER MATERIALIZED VIEW inventory_ops.stock_metrics_view SET SCHEMA inventory;

-- squawk-ignore renaming-object
ALTER INDEX inventory.idx_stock_metrics_view_stock_id_new RENAME TO idx_stock_metrics_view_stock_id;

-- squawk-ignore renaming-object
ALTER INDEX inventory.idx_stock_metrics_view_available_new RENAME TO idx_stock_metrics_view_available;

SELECT inventory_ops.give_back_view();

COMMIT;
