-- Whoever deploys owns the tables, may create objects beside them, and may read all that the dump holds.
--
-- Effect: stops
-- Locks: none.
-- Fix: Deploy as the owner of the tables (SOLEFLIP_OWNER_DATABASE_URL, docs/roles.md), or GRANT what is listed; BYPASSRLS is
--      given with ALTER ROLE.

WITH missing AS (
  SELECT 'ownership of ' || pg_class.oid::regclass AS privilege
  FROM pg_class
  WHERE (
      pg_class.relnamespace = to_regnamespace('inventory')
      AND pg_class.relname IN ('stock', 'stock_financial', 'stock_lifecycle', 'stock_metrics', 'stock_metrics_view')
      OR pg_class.relnamespace = to_regnamespace('inventory_ops') AND pg_class.relkind IN ('r', 'v', 'm')
    )
    AND NOT pg_has_role(pg_class.relowner, 'USAGE')
  UNION ALL
  -- An owner may have taken them from itself.
  SELECT format('%s ON %s', wanted.privilege, pg_class.oid::regclass)
  FROM pg_class
  CROSS JOIN unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRIGGER']) AS wanted (privilege)
  WHERE pg_class.relnamespace = to_regnamespace('inventory')
    AND pg_class.relname IN ('stock', 'stock_financial', 'stock_lifecycle', 'stock_metrics')
    AND pg_class.relkind = 'r'
    AND pg_has_role(pg_class.relowner, 'USAGE')
    AND NOT has_table_privilege(pg_class.oid, wanted.privilege)
  UNION ALL
  SELECT 'CREATE ON SCHEMA ' || pg_namespace.nspname
  FROM pg_namespace
  WHERE pg_namespace.nspname IN ('inventory', 'inventory_ops')
    -- Asked in one, either would do.
    AND NOT (has_schema_privilege(pg_namespace.oid, 'USAGE') AND has_schema_privilege(pg_namespace.oid, 'CREATE'))
  UNION ALL
  SELECT 'CREATE ON DATABASE ' || current_database()
  WHERE to_regnamespace('inventory_ops') IS NULL
    AND NOT has_database_privilege(current_database(), 'CREATE')
  UNION ALL
  -- What is there is compared with temporary objects made from our statements.
  SELECT 'TEMPORARY ON DATABASE ' || current_database()
  WHERE NOT has_database_privilege(current_database(), 'TEMPORARY')
  UNION ALL
  SELECT 'SELECT ON ' || pg_class.oid::regclass
  FROM pg_class
  JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
  WHERE pg_class.relkind IN ('r', 'p', 'm', 'S')
    AND pg_namespace.nspname !~ '^pg_'
    AND pg_namespace.nspname <> 'information_schema'
    AND NOT has_table_privilege(pg_class.oid, 'SELECT')
  UNION ALL
  SELECT 'USAGE ON SCHEMA ' || pg_namespace.nspname
  FROM pg_namespace
  WHERE pg_namespace.nspname !~ '^pg_'
    AND NOT has_schema_privilege(pg_namespace.oid, 'USAGE')
    AND EXISTS (SELECT FROM pg_class WHERE pg_class.relnamespace = pg_namespace.oid AND pg_class.relkind IN ('r', 'p', 'm', 'S'))
  UNION ALL
  -- A dump of some of the rows would be none.
  SELECT 'BYPASSRLS, for the row security of ' || pg_class.oid::regclass
  FROM pg_class
  WHERE pg_class.relkind IN ('r', 'p')
    AND pg_class.relrowsecurity
    AND row_security_active(pg_class.oid)
  UNION ALL
  SELECT 'SELECT ON LARGE OBJECT ' || pg_largeobject_metadata.oid
  FROM pg_largeobject_metadata
  WHERE NOT pg_has_role(pg_largeobject_metadata.lomowner, 'USAGE')
    AND NOT EXISTS (
      SELECT
      FROM aclexplode(pg_largeobject_metadata.lomacl) AS granted
      WHERE granted.privilege_type = 'SELECT' AND (granted.grantee = 0 OR pg_has_role(granted.grantee, 'USAGE'))
    )
)
SELECT
  count(*) = 0 AS passed,
  current_user::text AS deploying_as,
  count(*) AS missing,
  (array_agg(missing.privilege ORDER BY missing.privilege))[1:20] AS examples
FROM missing;
