-- Nobody else's code runs in the name of whoever writes to these tables, and nobody else could put it there.
--
-- A trigger's function runs as who writes to the table: the application, the orchestrator, the owner. So does a function
-- in a constraint, a default or an index, and what a rule or a row-security policy says. Code counts as somebody
-- else's where its owner could not become the table's owner anyway. An application's own trigger whose function
-- belongs to the tables' owner is none.
--
-- And what is ours is where we put it: our functions are nobody else's to call and are called by our own triggers alone,
-- once each, and our tables outlive a crash, which empties an UNLOGGED one.
--
-- Asset: inventory/stock
-- Locks: none; reads the catalog.
-- Means: Somebody who is not the owner decides what the owner's and the orchestrator's statements do, or somebody has put
--        what is ours to another use.

WITH ours AS (
  SELECT
    pg_class.oid,
    pg_class.relowner,
    pg_class.relacl,
    pg_class.relrowsecurity,
    pg_class.relpersistence,
    pg_class.relnamespace = to_regnamespace('inventory_ops') OR pg_class.relname ~ '^stock(_|$)' AS kept
  FROM pg_class
  WHERE pg_class.relnamespace IN (to_regnamespace('inventory'), to_regnamespace('inventory_ops'))
    AND pg_class.relkind IN ('r', 'p', 'v', 'm')
),
calling AS (
  SELECT ours.oid AS relation, ours.relowner, pg_trigger.tgfoid AS function, 'trigger ' || pg_trigger.tgname AS what
  FROM ours
  JOIN pg_trigger ON pg_trigger.tgrelid = ours.oid
  WHERE NOT pg_trigger.tgisinternal
  UNION ALL
  SELECT ours.oid, ours.relowner, pg_depend.refobjid, pg_describe_object(pg_depend.classid, pg_depend.objid, 0)
  FROM pg_depend
  LEFT JOIN pg_constraint
    ON pg_depend.classid = 'pg_constraint'::regclass AND pg_constraint.oid = pg_depend.objid
  LEFT JOIN pg_attrdef ON pg_depend.classid = 'pg_attrdef'::regclass AND pg_attrdef.oid = pg_depend.objid
  LEFT JOIN pg_index ON pg_depend.classid = 'pg_class'::regclass AND pg_index.indexrelid = pg_depend.objid
  JOIN ours ON ours.oid IN (pg_constraint.conrelid, pg_attrdef.adrelid, pg_index.indrelid)
  WHERE pg_depend.refclassid = 'pg_proc'::regclass
),
found AS (
  SELECT format('%s of %s calls %s of %s', calling.what, calling.relation::regclass,
    pg_proc.oid::regprocedure, pg_get_userbyid(pg_proc.proowner)) AS finding
  FROM calling
  JOIN pg_proc ON pg_proc.oid = calling.function
  WHERE NOT pg_has_role(pg_proc.proowner, calling.relowner, 'MEMBER')
  UNION ALL
  SELECT format('rule %s on %s', pg_rewrite.rulename, ours.oid::regclass)
  FROM ours
  JOIN pg_rewrite ON pg_rewrite.ev_class = ours.oid
  WHERE pg_rewrite.rulename <> '_RETURN'
  UNION ALL
  SELECT format('policy %s on %s', pg_policy.polname, ours.oid::regclass)
  FROM ours
  JOIN pg_policy ON pg_policy.polrelid = ours.oid
  UNION ALL
  SELECT format('row security without a policy on %s', ours.oid::regclass)
  FROM ours
  WHERE ours.relrowsecurity AND NOT EXISTS (SELECT FROM pg_policy WHERE pg_policy.polrelid = ours.oid)
  UNION ALL
  SELECT format('%s may put a trigger on %s',
    CASE granted.grantee WHEN 0 THEN 'everybody' ELSE pg_get_userbyid(granted.grantee) END, ours.oid::regclass)
  FROM ours
  CROSS JOIN aclexplode(ours.relacl) AS granted
  WHERE granted.privilege_type = 'TRIGGER'
    AND (granted.grantee = 0 OR NOT pg_has_role(granted.grantee, ours.relowner, 'MEMBER'))
  UNION ALL
  SELECT format('trigger %s on %s is a copy of one of ours', pg_trigger.tgname, pg_trigger.tgrelid::regclass)
  FROM pg_trigger
  JOIN pg_proc ON pg_proc.oid = pg_trigger.tgfoid
  WHERE NOT pg_trigger.tgisinternal
    AND pg_proc.pronamespace = to_regnamespace('inventory_ops')
    AND (
      pg_trigger.tgname !~ '^(zz_)?soleflip_'
      OR pg_trigger.tgrelid <> ALL (
        CASE
          WHEN pg_proc.proname ~ '^(financial|lifecycle|metrics)_to_stock$'
            THEN ARRAY[to_regclass('inventory.stock_' || split_part(pg_proc.proname, '_', 1))]
          WHEN pg_proc.proname ~ '^(give_way|.*_legacy_.*)$'
            THEN ARRAY[
              to_regclass('inventory.stock_financial'),
              to_regclass('inventory.stock_lifecycle'),
              to_regclass('inventory.stock_metrics')
            ]
          WHEN pg_proc.proname = 'carry_at_last'
            THEN ARRAY[to_regclass('inventory_ops.postponed')]
          WHEN pg_proc.proname = 'log_reservations'
            THEN ARRAY[to_regclass('inventory.stock_reservation')]
          ELSE ARRAY[to_regclass('inventory.stock')]
        END
      )
      OR EXISTS (
        SELECT
        FROM pg_trigger AS original
        WHERE original.oid < pg_trigger.oid
          AND original.tgrelid = pg_trigger.tgrelid
          AND original.tgfoid = pg_trigger.tgfoid
          AND original.tgtype = pg_trigger.tgtype
      )
    )
  UNION ALL
  SELECT format('everybody may execute %s', pg_proc.oid::regprocedure)
  FROM pg_proc
  CROSS JOIN aclexplode(coalesce(pg_proc.proacl, acldefault('f', pg_proc.proowner))) AS granted
  WHERE (
    pg_proc.pronamespace = to_regnamespace('inventory_ops')
    OR pg_proc.oid = to_regprocedure('inventory.refresh_stock_metrics()')
  )
    AND granted.grantee = 0
  UNION ALL
  SELECT format('%s is UNLOGGED: a crash empties it', ours.oid::regclass)
  FROM ours
  WHERE ours.kept AND ours.relpersistence = 'u'
)
SELECT
  count(*) = 0 AS passed,
  'ERROR' AS severity,
  count(*) AS findings,
  (array_agg(found.finding ORDER BY found.finding))[1:5] AS examples
FROM found;
