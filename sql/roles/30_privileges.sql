-- Who may do what with the inventory; the roles are those of sql/roles/10_roles.sql.
--
-- A deployment and a switch of modes run this, so that what they make is usable at once. By hand, in psql, as
-- soleflip_owner, after a role was made later than that. A role or an object that is not there is passed over.
--
-- Locks: none that anyone could wait for.
-- Again: safe; nothing that was granted otherwise is taken away, but that everybody may make objects here, and that
--        everybody may execute a function of ours, as PostgreSQL lets them until somebody says otherwise.

DO $$
DECLARE
  wanted record;
BEGIN
  FOR wanted IN
    SELECT known.role, known.privilege, known.kind, known.object
    FROM (VALUES
      ('soleflip_orchestrator', 'USAGE', 'SCHEMA', 'inventory'),
      ('soleflip_orchestrator', 'USAGE', 'SCHEMA', 'inventory_ops'),
      ('soleflip_orchestrator', 'EXECUTE', 'FUNCTION', 'inventory.refresh_stock_metrics()'),
      ('soleflip_orchestrator', 'EXECUTE', 'FUNCTION', 'inventory_ops.compare_stock_metrics()'),
      ('soleflip_orchestrator', 'EXECUTE', 'FUNCTION', 'inventory_ops.fingerprint(regclass)'),
      ('soleflip_orchestrator', 'EXECUTE', 'FUNCTION', 'inventory_ops.system_identifier()'),
      ('soleflip_orchestrator', 'EXECUTE', 'FUNCTION', 'inventory_ops.make_month(regclass,date)'),
      ('soleflip_orchestrator', 'EXECUTE', 'FUNCTION', 'inventory_ops.move_overflow(integer)'),
      ('soleflip_orchestrator', 'EXECUTE', 'FUNCTION', 'inventory_ops.log_differences()'),
      ('soleflip_orchestrator', 'INSERT, UPDATE', 'TABLE', 'inventory_ops.validation'),
      ('soleflip_application', 'USAGE', 'SCHEMA', 'inventory'),
      ('soleflip_application', 'USAGE', 'SCHEMA', 'inventory_ops'),
      ('soleflip_application', 'SELECT, INSERT, UPDATE, DELETE', 'TABLE', 'inventory.stock'),
      ('soleflip_application', 'SELECT, INSERT, UPDATE, DELETE', 'TABLE', 'inventory.stock_reservation'),
      ('soleflip_application', 'SELECT, INSERT, UPDATE, DELETE', 'TABLE', 'inventory.stock_financial'),
      ('soleflip_application', 'SELECT, INSERT, UPDATE, DELETE', 'TABLE', 'inventory.stock_lifecycle'),
      ('soleflip_application', 'SELECT, INSERT, UPDATE, DELETE', 'TABLE', 'inventory.stock_metrics'),
      ('soleflip_application', 'SELECT', 'TABLE', 'inventory.stock_metrics_view'),
      ('soleflip_application', 'SELECT, INSERT', 'TABLE', 'inventory_ops.reservation_key'),
      ('soleflip_reader', 'USAGE', 'SCHEMA', 'inventory'),
      ('soleflip_reader', 'USAGE', 'SCHEMA', 'inventory_ops')
    ) AS known (role, privilege, kind, object)
    WHERE CASE known.kind
      WHEN 'SCHEMA' THEN to_regnamespace(known.object) IS NOT NULL
      WHEN 'FUNCTION' THEN to_regprocedure(known.object) IS NOT NULL
      ELSE to_regclass(known.object) IS NOT NULL
    END
    UNION ALL
    -- Every table and view that is ours to grant; the backups and the ledger, too.
    SELECT reading.role, 'SELECT', 'TABLE', pg_class.oid::regclass::text
    FROM pg_class
    CROSS JOIN (VALUES ('soleflip_orchestrator'), ('soleflip_reader')) AS reading (role)
    WHERE pg_class.relnamespace IN (to_regnamespace('inventory'), to_regnamespace('inventory_ops'))
      AND pg_class.relkind IN ('r', 'p', 'v', 'm')
      AND pg_has_role(pg_class.relowner, 'USAGE')
    UNION ALL
    -- To give back what an overdue reservation holds, and nothing else of stock.
    SELECT 'soleflip_orchestrator', format('UPDATE (%I)', known.name), 'TABLE', known.object
    FROM (VALUES
      ('inventory.stock', 'reserved_quantity'),
      ('inventory.stock', 'updated_at'),
      ('inventory.stock_reservation', 'status'),
      ('inventory.stock_reservation', 'reservation_reason'),
      ('inventory.stock_reservation', 'updated_at')
    ) AS known (object, name)
    JOIN pg_attribute ON pg_attribute.attrelid = to_regclass(known.object) AND pg_attribute.attname = known.name
    UNION ALL
    -- To refresh, vacuum and analyse it by hand; before PostgreSQL 17 that is its owner's to do.
    SELECT 'soleflip_orchestrator', 'MAINTAIN', 'TABLE', 'inventory.stock_metrics_view'
    WHERE current_setting('server_version_num')::integer >= 170000
      AND to_regclass('inventory.stock_metrics_view') IS NOT NULL
  LOOP
    IF to_regrole(wanted.role) IS NOT NULL THEN
      EXECUTE format('GRANT %s ON %s %s TO %I', wanted.privilege, wanted.kind, wanted.object, wanted.role);
    END IF;
  END LOOP;

  -- Whatever else the owner makes here later, for instance in a migration.
  FOR wanted IN
    SELECT pg_namespace.nspname AS schema, pg_get_userbyid(pg_namespace.nspowner) AS owner, reading.role
    FROM pg_namespace
    CROSS JOIN (VALUES ('soleflip_orchestrator'), ('soleflip_reader')) AS reading (role)
    WHERE pg_namespace.nspname IN ('inventory', 'inventory_ops')
      AND pg_has_role(pg_namespace.nspowner, 'USAGE')
      AND to_regrole(reading.role) IS NOT NULL
  LOOP
    EXECUTE format(
      'ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I GRANT SELECT ON TABLES TO %I',
      wanted.owner, wanted.schema, wanted.role
    );
    EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC', wanted.schema);
  END LOOP;

  FOR wanted IN
    SELECT pg_proc.oid::regprocedure AS function
    FROM pg_proc
    WHERE (
      pg_proc.pronamespace = to_regnamespace('inventory_ops')
      OR pg_proc.oid = to_regprocedure('inventory.refresh_stock_metrics()')
    )
      AND pg_has_role(pg_proc.proowner, 'USAGE')
      AND EXISTS (SELECT FROM aclexplode(coalesce(pg_proc.proacl, acldefault('f', pg_proc.proowner))) WHERE grantee = 0)
  LOOP
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', wanted.function);
  END LOOP;
END
$$;
