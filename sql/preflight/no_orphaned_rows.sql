-- Each legacy row belongs to a stock row that exists.
--
-- Effect: stops until begun
-- Locks: ACCESS SHARE on stock and the legacy tables for the length of the query.
-- Fix: Keep a copy of the rows listed, then delete them: there is no stock row to carry them.
-- Until: drop_legacy_tables

WITH legacy AS (
  SELECT 'stock_financial' AS name, financial.id, financial.stock_id FROM inventory.stock_financial AS financial
  UNION ALL
  SELECT 'stock_lifecycle', lifecycle.id, lifecycle.stock_id FROM inventory.stock_lifecycle AS lifecycle
  UNION ALL
  SELECT 'stock_metrics', metrics.id, metrics.stock_id FROM inventory.stock_metrics AS metrics
),
orphan AS (
  SELECT legacy.name, legacy.id
  FROM legacy
  WHERE NOT EXISTS (SELECT FROM inventory.stock WHERE stock.id = legacy.stock_id)
)
SELECT
  count(*) = 0 AS passed,
  count(*) FILTER (WHERE orphan.name = 'stock_financial') AS stock_financial,
  count(*) FILTER (WHERE orphan.name = 'stock_lifecycle') AS stock_lifecycle,
  count(*) FILTER (WHERE orphan.name = 'stock_metrics') AS stock_metrics,
  (array_agg(format('%s %s', orphan.name, orphan.id) ORDER BY orphan.name, orphan.id))[1:20] AS examples
FROM orphan;
