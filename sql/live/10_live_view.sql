-- Puts a view of stock itself in the place of the view: each query computes what it asks for, and nothing is refreshed.
--
-- The query is that of sql/phase2/81_stock_metrics_view.sql, so last_calculated_at is the time of whoever reads. There
-- are no indexes: those of stock serve, and what an index on the expression would cost is in
-- docs/decisions/2026-11-26-live-view.md.
--
-- Locks: an advisory lock, so that nobody refreshes meanwhile; ACCESS EXCLUSIVE on the view for an instant: it waits
--        for the queries that are reading it.
-- Again: safe; a view that is there is left alone.

BEGIN;

SELECT pg_advisory_xact_lock('inventory_ops.metrics_refresh'::regclass::oid::bigint);

SELECT inventory_ops.keep_view();

DO $$
BEGIN
  IF EXISTS (
    SELECT
    FROM pg_class
    WHERE pg_class.oid = to_regclass('inventory.stock_metrics_view') AND pg_class.relkind = 'm'
  ) THEN
    DROP MATERIALIZED VIEW inventory.stock_metrics_view;
  END IF;
END
$$;

-- WITH makes the view read-only, as the materialized view is, and costs nothing: the planner takes it for a subquery.
CREATE OR REPLACE VIEW inventory.stock_metrics_view AS
WITH s AS (
  SELECT
    stock.id,
    stock.quantity,
    stock.reserved_quantity,
    stock.gross_purchase_price,
    stock.roi_percentage,
    stock.created_at,
    stock.updated_at
  FROM inventory.stock
)
SELECT
  s.id AS stock_id,
  s.quantity AS total_quantity,
  s.quantity - coalesce(s.reserved_quantity, 0) AS available_quantity,
  s.reserved_quantity,
  s.gross_purchase_price AS total_cost,
  CASE
    WHEN s.roi_percentage IS NOT NULL AND s.roi_percentage > 0
    THEN s.gross_purchase_price * (s.roi_percentage / 100)
    ELSE NULL
  END AS expected_profit,
  now() AS last_calculated_at,
  s.created_at,
  s.updated_at
FROM s;

COMMENT ON VIEW inventory.stock_metrics_view IS
  'Computed metrics of every stock row, as of last_calculated_at';

SELECT inventory.refresh_stock_metrics();

SELECT inventory_ops.give_back_view();

COMMIT;
