-- What the session may not do that turning a table into partitions, or back, asks for: a sentence each, with what to grant.
--
-- Whoever owns the table may still lack them: what stands around it can belong to others.
--
-- Locks: none.

WITH target AS (
  SELECT
    pg_class.oid,
    pg_class.relowner,
    pg_class.relnamespace::regnamespace AS place,
    pg_roles.rolsuper
  FROM pg_class
  CROSS JOIN pg_roles
  WHERE pg_class.oid = to_regclass(:table) AND pg_roles.rolname = current_user
),
wanted (granted, owned, allowed) AS (
  SELECT format('CREATE ON SCHEMA %s TO %I', target.place, current_user), NULL, has_schema_privilege(target.place, 'CREATE')
  FROM target
  UNION ALL
  -- Who is given a table must be able to make one there.
  SELECT
    format('CREATE ON SCHEMA %s TO %I', target.place, pg_get_userbyid(target.relowner)),
    NULL,
    target.rolsuper OR has_schema_privilege(target.relowner, target.place, 'CREATE')
  FROM target
  UNION ALL
  SELECT
    format('%I TO %I', pg_get_userbyid(target.relowner), current_user),
    NULL,
    NOT pg_has_role(target.relowner, 'USAGE')
      OR pg_has_role(target.relowner, CASE WHEN CAST(current_setting('server_version_num') AS integer) < 160000 THEN 'MEMBER' ELSE 'SET' END)
  FROM target
  UNION ALL
  SELECT
    format('REFERENCES ON %s TO %I', pg_constraint.confrelid::regclass, current_user),
    NULL,
    has_table_privilege(pg_constraint.confrelid, 'REFERENCES')
      OR (
        SELECT bool_and(has_column_privilege(pg_constraint.confrelid, part.number, 'REFERENCES'))
        FROM unnest(pg_constraint.confkey) AS part (number)
      )
  FROM target
  JOIN pg_constraint ON pg_constraint.conrelid = target.oid AND pg_constraint.contype = 'f'
  UNION ALL
  SELECT
    format('EXECUTE ON FUNCTION %s TO %I', pg_trigger.tgfoid::regprocedure, current_user),
    NULL,
    has_function_privilege(pg_trigger.tgfoid, 'EXECUTE')
  FROM target
  JOIN pg_trigger ON pg_trigger.tgrelid = target.oid AND NOT pg_trigger.tgisinternal
  UNION ALL
  SELECT
    format('USAGE ON TYPE %s TO %I', format_type(pg_attribute.atttypid, NULL), current_user),
    NULL,
    has_type_privilege(pg_attribute.atttypid, 'USAGE')
  FROM target
  JOIN pg_attribute ON pg_attribute.attrelid = target.oid AND pg_attribute.attnum > 0 AND NOT pg_attribute.attisdropped
  UNION ALL
  SELECT format('USAGE ON SCHEMA %s TO %I', used.place::regnamespace, current_user), NULL, has_schema_privilege(used.place, 'USAGE')
  FROM target
  CROSS JOIN LATERAL (
    SELECT pg_class.relnamespace AS place
    FROM pg_constraint
    JOIN pg_class ON pg_class.oid = pg_constraint.confrelid
    WHERE pg_constraint.conrelid = target.oid AND pg_constraint.contype = 'f'
    UNION
    SELECT pg_proc.pronamespace
    FROM pg_trigger
    JOIN pg_proc ON pg_proc.oid = pg_trigger.tgfoid
    WHERE pg_trigger.tgrelid = target.oid AND NOT pg_trigger.tgisinternal
  ) AS used
  UNION ALL
  SELECT NULL, format('The publication %I', pg_publication.pubname), pg_has_role(pg_publication.pubowner, 'USAGE')
  FROM target
  JOIN pg_publication_rel ON pg_publication_rel.prrelid = target.oid
  JOIN pg_publication ON pg_publication.oid = pg_publication_rel.prpubid
  UNION ALL
  SELECT NULL, format('The statistics object %I', pg_statistic_ext.stxname), pg_has_role(pg_statistic_ext.stxowner, 'USAGE')
  FROM target
  JOIN pg_statistic_ext ON pg_statistic_ext.stxrelid = target.oid
  UNION ALL
  SELECT NULL, format('The view %s', view.oid::regclass), pg_has_role(view.relowner, 'USAGE')
  FROM target
  JOIN pg_depend ON pg_depend.refclassid = 'pg_class'::regclass AND pg_depend.refobjid = target.oid
  JOIN pg_rewrite ON pg_depend.classid = 'pg_rewrite'::regclass AND pg_rewrite.oid = pg_depend.objid
  JOIN pg_class AS view ON view.oid = pg_rewrite.ev_class AND view.relkind = 'v'
  UNION ALL
  SELECT format('CREATE ON SCHEMA %s TO %I', made.place::regnamespace, current_user), NULL, has_schema_privilege(made.place, 'CREATE')
  FROM target
  CROSS JOIN LATERAL (
    SELECT pg_statistic_ext.stxnamespace AS place
    FROM pg_statistic_ext
    WHERE pg_statistic_ext.stxrelid = target.oid
    UNION
    SELECT view.relnamespace
    FROM pg_depend
    JOIN pg_rewrite ON pg_depend.classid = 'pg_rewrite'::regclass AND pg_rewrite.oid = pg_depend.objid
    JOIN pg_class AS view ON view.oid = pg_rewrite.ev_class AND view.relkind = 'v' AND view.relpersistence <> 't'
    WHERE pg_depend.refclassid = 'pg_class'::regclass AND pg_depend.refobjid = target.oid
  ) AS made
)
SELECT DISTINCT coalesce(
  'It needs GRANT ' || wanted.granted || '.',
  wanted.owned || ' belongs to another role, and has to be changed, too: work as a member of that role.'
) AS sentence
FROM wanted
WHERE NOT wanted.allowed
ORDER BY sentence;
