-- Each stock row has a reserved quantity, and it is that of its stock_metrics row where there is one.
--
-- Asset: inventory/stock
-- Locks: ACCESS SHARE on stock and stock_metrics for the length of the query.
-- Means: Reservations were lost or invented: a migration fault or a bypassed trigger.
-- Until: drop_legacy_tables

WITH compared AS (
  SELECT
    coalesce(stock.id, metrics.stock_id) AS stock_id,
    stock.id IS NULL AS orphan,
    metrics.stock_id IS NOT NULL AS has_metrics,
    stock.id IS NULL
      OR stock.reserved_quantity IS DISTINCT FROM coalesce(metrics.reserved_quantity, 0) AS wrong
  FROM inventory.stock
  FULL JOIN inventory.stock_metrics AS metrics ON metrics.stock_id = stock.id
)
SELECT
  count(*) FILTER (WHERE compared.wrong) = 0 AS passed,
  count(*) FILTER (WHERE NOT compared.wrong) AS migrated,
  count(*) FILTER (WHERE compared.wrong) AS not_migrated,
  count(*) FILTER (WHERE compared.orphan) AS orphans,
  count(*) FILTER (WHERE compared.has_metrics) AS metrics_records,
  (array_agg(compared.stock_id::text ORDER BY compared.stock_id) FILTER (WHERE compared.wrong))[1:5] AS examples
FROM compared;
