-- Puts a view of the read model in the place of the materialized view, once it is proven equal.
--
-- Locks: an advisory lock, so that nobody refreshes meanwhile, for the length of the proof; then ACCESS EXCLUSIVE on
--        the view for an instant: it waits for the queries that are reading it.
-- Again: safe; a view that is there is left alone.

BEGIN;

SELECT pg_advisory_xact_lock('inventory_ops.metrics_refresh'::regclass::oid::bigint);

SELECT inventory_ops.prove_stock_metrics('inventory_ops.stock_metrics_read_model');

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

-- The join makes the view read-only, as the materialized view is, and costs nothing where last_calculated_at is not
-- asked for: the planner leaves out what at most adds one row's columns.
CREATE OR REPLACE VIEW inventory.stock_metrics_view AS
SELECT
  model.stock_id,
  model.total_quantity,
  model.available_quantity,
  model.reserved_quantity,
  model.total_cost,
  model.expected_profit,
  refreshed.last_calculated_at,
  model.created_at,
  model.updated_at
FROM inventory_ops.stock_metrics_read_model AS model
LEFT JOIN inventory_ops.stock_metrics_refreshed AS refreshed ON refreshed.id = 1;

COMMENT ON VIEW inventory.stock_metrics_view IS
  'Computed metrics of every stock row, as of last_calculated_at';

SELECT inventory.refresh_stock_metrics();

SELECT inventory_ops.give_back_view();

COMMIT;
