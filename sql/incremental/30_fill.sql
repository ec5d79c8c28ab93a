-- Fills the read model with the metrics of every stock row.
--
-- After sql/incremental/20_change_queue.sql, never before: what is written while this reads is then in the queue. What
-- the queue already holds, this reads from stock in the same snapshot; an entry that was made before all triggers were
-- in force may be of a row that somebody deleted unannounced.
--
-- Locks: an advisory lock, so that nobody drains meanwhile; ACCESS SHARE on stock; ACCESS EXCLUSIVE on the read model,
--        which nobody reads before sql/incremental/50_view_of_read_model.sql.
-- Again: safe.

BEGIN;

SELECT pg_advisory_xact_lock('inventory_ops.metrics_refresh'::regclass::oid::bigint);

TRUNCATE inventory_ops.stock_metrics_read_model;

WITH superseded AS (
  DELETE FROM inventory_ops.stock_change
)
INSERT INTO inventory_ops.stock_metrics_read_model (
  stock_id,
  total_quantity,
  available_quantity,
  reserved_quantity,
  total_cost,
  expected_profit,
  created_at,
  updated_at
)
SELECT
  metrics.stock_id,
  metrics.total_quantity,
  metrics.available_quantity,
  metrics.reserved_quantity,
  metrics.total_cost,
  metrics.expected_profit,
  metrics.created_at,
  metrics.updated_at
FROM inventory_ops.stock_metrics_now AS metrics;

COMMIT;
