-- Every stock row that there was since Phase 2 was deployed is still there, or was deleted by somebody.
--
-- Asset: inventory/stock
-- Locks: ACCESS SHARE on stock for the length of the query.
-- Means: Stock rows are gone that nobody deleted: lost by a restore, a bypassed trigger or a fault.

WITH missing AS (
  SELECT baseline.stock_id, baseline.arrived_at
  FROM inventory_ops.stock_baseline AS baseline
  WHERE NOT EXISTS (SELECT FROM inventory.stock WHERE stock.id = baseline.stock_id)
),
lost AS (
  SELECT missing.stock_id
  FROM missing
  WHERE NOT EXISTS (
    SELECT
    FROM inventory_ops.stock_deletion AS deletion
    WHERE deletion.stock_id = missing.stock_id
      -- One before it came back does not explain that it is gone again.
      AND (missing.arrived_at IS NULL OR deletion.deleted_at >= missing.arrived_at)
  )
)
SELECT
  lost.rows = 0 AS passed,
  (SELECT count(*) FROM inventory.stock) AS stock_records,
  (SELECT count(*) FROM inventory_ops.stock_baseline AS baseline WHERE baseline.arrived_at IS NULL)
    AS stock_records_at_deployment,
  (SELECT count(*) FROM missing) - lost.rows AS deleted_since_deployment,
  lost.rows AS lost,
  lost.examples
FROM (
  SELECT count(*) AS rows, (array_agg(lost.stock_id::text ORDER BY lost.stock_id))[1:5] AS examples
  FROM lost
) AS lost;
