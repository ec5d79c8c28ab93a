-- No quantity is NULL.
--
-- Effect: repaired
-- Locks: ACCESS SHARE on stock and stock_metrics for the length of the query.
-- Fix: A reserved quantity that is NULL is taken for 0; a quantity of stock that is NULL stays, and counts as nothing.
-- Until: drop_legacy_tables

WITH missing AS (
  SELECT 'stock' AS name, stock.id
  FROM inventory.stock
  WHERE stock.quantity IS NULL
  UNION ALL
  SELECT 'stock_metrics', metrics.id
  FROM inventory.stock_metrics AS metrics
  WHERE metrics.reserved_quantity IS NULL
)
SELECT
  count(*) = 0 AS passed,
  count(*) FILTER (WHERE missing.name = 'stock') AS stock,
  count(*) FILTER (WHERE missing.name = 'stock_metrics') AS stock_metrics,
  (array_agg(format('%s %s', missing.name, missing.id) ORDER BY missing.name, missing.id))[1:20] AS examples
FROM missing;
