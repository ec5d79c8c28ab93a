-- Each stock row's reserved quantity is that of its stock_metrics row, and what that row computes from stock is right.
--
-- Asset: inventory/stock
-- Locks: ACCESS SHARE on stock and stock_metrics for the length of the query.
-- Means: Reservations were lost or invented, or an old version reads wrong figures: a bypassed trigger.
-- Until: drop_legacy_tables

WITH wrong AS MATERIALIZED (
  SELECT
    coalesce(stock.id, metrics.stock_id) AS stock_id,
    stock.id IS NULL AS orphan,
    stock.reserved_quantity IS NOT DISTINCT FROM coalesce(metrics.reserved_quantity, 0) AS miscomputed
  FROM inventory.stock
  FULL JOIN inventory.stock_metrics AS metrics ON metrics.stock_id = stock.id
  WHERE stock.id IS NULL
    OR stock.reserved_quantity IS DISTINCT FROM coalesce(metrics.reserved_quantity, 0)
    OR (
      metrics.stock_id IS NOT NULL
      AND (metrics.available_quantity, metrics.total_cost, metrics.expected_profit) IS DISTINCT FROM (
        coalesce(stock.quantity - stock.reserved_quantity, 0),
        stock.gross_purchase_price,
        CASE WHEN stock.roi_percentage > 0 THEN stock.gross_purchase_price * (stock.roi_percentage / 100) END::numeric(15, 2)
      )
    )
),
found AS (
  SELECT
    count(*) AS wrong,
    count(*) FILTER (WHERE wrong.orphan) AS orphans,
    count(*) FILTER (WHERE wrong.miscomputed AND NOT wrong.orphan) AS miscomputed,
    (array_agg(wrong.stock_id::text ORDER BY wrong.stock_id))[1:5] AS examples
  FROM wrong
)
SELECT
  found.wrong = 0 AS passed,
  (SELECT count(*) FROM inventory.stock) - (found.wrong - found.orphans) AS migrated,
  found.wrong AS not_migrated,
  found.orphans,
  found.miscomputed,
  (SELECT count(*) FROM inventory.stock_metrics) AS metrics_records,
  found.examples
FROM found;
