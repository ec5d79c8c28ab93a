-- How stock_metrics_view is kept: a view of the read model, or materialized; and whether a read model is there at all.
--
-- A view that is gone was what the read model says.
--
-- Locks: none.

SELECT
  CASE
    WHEN known.read_model AND known.kind IS DISTINCT FROM 'm' THEN 'incremental'
    ELSE 'materialized'
  END AS mode,
  known.read_model
FROM (
  SELECT
    to_regclass('inventory_ops.stock_metrics_read_model') IS NOT NULL AS read_model,
    (
      SELECT pg_class.relkind
      FROM pg_class
      WHERE pg_class.oid = to_regclass('inventory.stock_metrics_view')
    ) AS kind
) AS known;
