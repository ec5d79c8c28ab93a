-- What of Phase 2 is there: new columns of stock, legacy tables and backups, each in the order of the deployment.
--
-- Locks: none.

-- Not by to_regclass, which fails for who may not look into the schema.
WITH relation AS (
  SELECT pg_class.oid, pg_class.relname::text AS name
  FROM pg_class
  JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
  WHERE pg_namespace.nspname = 'inventory' AND pg_class.relkind <> 'c'
)
SELECT
  ARRAY(
    SELECT attribute.attname::text
    FROM relation
    JOIN pg_attribute AS attribute ON attribute.attrelid = relation.oid
    WHERE relation.name = 'stock'
      AND attribute.attname IN ('listed_on_platforms', 'status_history', 'reserved_quantity')
      AND NOT attribute.attisdropped
    ORDER BY attribute.attnum
  ) AS columns,
  ARRAY(
    SELECT relation.name
    FROM relation
    WHERE relation.name IN ('stock_financial', 'stock_lifecycle', 'stock_metrics')
    ORDER BY relation.name
  ) AS legacy,
  ARRAY(
    SELECT relation.name
    FROM relation
    WHERE relation.name IN ('stock_financial_backup', 'stock_lifecycle_backup', 'stock_metrics_backup')
    ORDER BY relation.name
  ) AS backups;
