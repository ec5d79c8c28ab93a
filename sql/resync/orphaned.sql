-- The legacy rows of stock rows that are not there, a row for each such stock row and legacy table.
--
-- In the form of differing.sql. A foreign key keeps them away, so somebody deleted the stock row, or wrote the legacy
-- row, past the triggers. Whether the one is to come back or the other to go, no rule can say.
--
-- Locks: ACCESS SHARE on stock and the three legacy tables for the length of the query.

SELECT DISTINCT
  legacy.stock_id::text AS stock_id,
  legacy.place,
  'stock_id' AS fact,
  NULL::text AS in_stock,
  legacy.stock_id::text AS elsewhere,
  false AS curable
FROM (
  SELECT financial.stock_id, 'stock_financial' AS place FROM inventory.stock_financial AS financial
  UNION ALL
  SELECT lifecycle.stock_id, 'stock_lifecycle' FROM inventory.stock_lifecycle AS lifecycle
  UNION ALL
  SELECT metrics.stock_id, 'stock_metrics' FROM inventory.stock_metrics AS metrics
) AS legacy
WHERE NOT EXISTS (SELECT FROM inventory.stock WHERE stock.id = legacy.stock_id)
ORDER BY stock_id, legacy.place;
