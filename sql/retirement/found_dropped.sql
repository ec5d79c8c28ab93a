-- Whether somebody dropped old tables by hand, after Phase 2 was applied by hand: there is no entry in the ledger then.
--
-- One that is missing is enough: they are retired together, and what an unfinished script has left is set aside.
--
-- Locks: none.

WITH relation AS (
  SELECT pg_class.oid, pg_class.relname AS name
  FROM pg_class
  JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
  WHERE pg_namespace.nspname = 'inventory'
),
counted AS (
  SELECT
    (
      SELECT count(*)
      FROM relation
      JOIN pg_attribute AS attribute ON attribute.attrelid = relation.oid
      WHERE relation.name = 'stock'
        AND attribute.attname IN ('listed_on_platforms', 'status_history', 'reserved_quantity')
        AND NOT attribute.attisdropped
    ) AS columns,
    (
      SELECT count(*)
      FROM relation
      WHERE relation.name IN ('stock_financial', 'stock_lifecycle', 'stock_metrics')
    ) AS legacy,
    (
      SELECT count(*)
      FROM relation
      WHERE relation.name IN ('stock_financial_backup', 'stock_lifecycle_backup', 'stock_metrics_backup')
    ) AS backups
)
SELECT
  CAST(NULL AS timestamptz) AS retired_at,
  CAST(NULL AS text) AS retired_by,
  'dropped' AS found
FROM counted
WHERE counted.columns = 3
  AND counted.legacy < 3
  AND (:step = 'drop_legacy_tables' OR counted.backups < 3);
