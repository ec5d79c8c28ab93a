-- No table stands where a backup is to be made, but the backup of this deployment.
--
-- Effect: stops
-- Locks: none.
-- Fix: Somebody made these tables by hand: compare them with their sources, then rename or drop them.

WITH foreign_backup AS (
  SELECT pg_class.oid::regclass::text AS name
  FROM pg_class
  WHERE pg_class.relnamespace = to_regnamespace('inventory')
    AND pg_class.relname IN ('stock_financial_backup', 'stock_lifecycle_backup', 'stock_metrics_backup')
    AND NOT pg_class.relname = ANY (CAST(:copied AS text[]))
)
SELECT
  count(*) = 0 AS passed,
  count(*) AS not_ours,
  array_agg(foreign_backup.name ORDER BY foreign_backup.name) AS examples
FROM foreign_backup;
