-- How stock_metrics_view is kept, by what it is: materialized, a view of stock, or one of the read model; and whether
-- there is a read model.
--
-- A view that is gone, or that somebody defined otherwise, was what the read model says; NULL where there is none, either.
--
-- Locks: none.

SELECT
  CASE
    WHEN known.kind = 'm' THEN 'materialized'
    WHEN known.kind = 'v' AND known.reads_stock THEN 'live'
    WHEN known.read_model THEN 'incremental'
  END AS mode,
  known.read_model
FROM (
  SELECT
    to_regclass('inventory_ops.stock_metrics_read_model') IS NOT NULL AS read_model,
    (
      SELECT pg_class.relkind
      FROM pg_class
      WHERE pg_class.oid = to_regclass('inventory.stock_metrics_view')
    ) AS kind,
    EXISTS (
      SELECT
      FROM pg_rewrite
      JOIN pg_depend ON pg_depend.classid = 'pg_rewrite'::regclass AND pg_depend.objid = pg_rewrite.oid
      WHERE pg_rewrite.ev_class = to_regclass('inventory.stock_metrics_view')
        AND pg_depend.refclassid = 'pg_class'::regclass
        AND pg_depend.refobjid = to_regclass('inventory.stock')
    ) AS reads_stock
) AS known;
