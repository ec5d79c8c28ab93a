-- What others have built on some tables: views, foreign keys, functions, policies, columns of a table's row type.
--
-- :relations are the tables; :columns narrows it to some of their columns, none means all; :ours are names of
-- objects that do not count. Functions in PL/pgSQL and SQL strings are found by the table's name in their text, where
-- :mentioning says so. Views by their query are left out unless :views says so: they may be carried along.
--
-- Locks: none.

WITH relation AS (
  SELECT pg_class.oid, pg_class.reltype, pg_class.relname
  FROM pg_class
  JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
  -- Not by to_regclass, which fails for who may not look into the schema.
  WHERE pg_namespace.nspname || '.' || pg_class.relname = ANY (CAST(:relations AS text[]))
),
recorded AS (
  SELECT DISTINCT
    CASE WHEN pg_rewrite.oid IS NULL THEN pg_depend.classid ELSE 'pg_class'::regclass::oid END AS classid,
    coalesce(pg_rewrite.ev_class, pg_depend.objid) AS objid,
    coalesce(pg_rewrite.rulename = '_RETURN', false) AS by_query
  FROM relation
  JOIN pg_depend
    ON pg_depend.deptype = 'n'
    AND (
      (pg_depend.refclassid = 'pg_class'::regclass AND pg_depend.refobjid = relation.oid)
      OR (pg_depend.refclassid = 'pg_type'::regclass AND pg_depend.refobjid = relation.reltype)
    )
  LEFT JOIN pg_attribute
    ON pg_attribute.attrelid = pg_depend.refobjid
    AND pg_attribute.attnum = pg_depend.refobjsubid
    AND pg_depend.refclassid = 'pg_class'::regclass
  LEFT JOIN pg_rewrite ON pg_depend.classid = 'pg_rewrite'::regclass AND pg_rewrite.oid = pg_depend.objid
  WHERE CAST(:columns AS text[]) = '{}' OR pg_attribute.attname = ANY (CAST(:columns AS text[]))
),
mentioning AS (
  SELECT 'pg_proc'::regclass::oid AS classid, pg_proc.oid AS objid
  FROM relation
  JOIN pg_proc ON pg_proc.prosrc ~ ('\m' || relation.relname || '\M')
  WHERE CAST(:columns AS text[]) = '{}'
    AND CAST(:mentioning AS boolean)
    AND pg_proc.pronamespace <> 'pg_catalog'::regnamespace
    AND pg_proc.pronamespace IS DISTINCT FROM to_regnamespace('inventory_ops')
),
dependent AS (
  SELECT recorded.classid, recorded.objid, recorded.by_query
  FROM recorded
  UNION
  SELECT mentioning.classid, mentioning.objid, false
  FROM mentioning
),
named AS (
  SELECT
    pg_describe_object(dependent.classid, dependent.objid, 0) AS dependent,
    dependent.by_query,
    identity.name,
    CASE dependent.classid
      WHEN 'pg_class'::regclass THEN (
        SELECT pg_get_viewdef(pg_class.oid)
        FROM pg_class
        WHERE pg_class.oid = dependent.objid AND pg_class.relkind IN ('v', 'm')
      )
      WHEN 'pg_constraint'::regclass THEN pg_get_constraintdef(dependent.objid)
      WHEN 'pg_trigger'::regclass THEN pg_get_triggerdef(dependent.objid)
      WHEN 'pg_proc'::regclass THEN (
        SELECT pg_get_functiondef(pg_proc.oid)
        FROM pg_proc
        WHERE pg_proc.oid = dependent.objid AND pg_proc.prokind IN ('f', 'p')
      )
    END AS definition
  FROM dependent
  CROSS JOIN LATERAL (
    SELECT coalesce(address.object_names[array_upper(address.object_names, 1)], '') AS name
    FROM pg_identify_object_as_address(dependent.classid, dependent.objid, 0) AS address
  ) AS identity
  WHERE dependent.objid NOT IN (SELECT relation.oid FROM relation)
    -- Constraints go with their table or column.
    AND NOT EXISTS (
      SELECT
      FROM pg_constraint
      JOIN relation ON relation.oid = pg_constraint.conrelid
      WHERE dependent.classid = 'pg_constraint'::regclass AND pg_constraint.oid = dependent.objid
    )
    -- Policies and expressions of generated columns go with their table.
    AND NOT (
      CAST(:columns AS text[]) = '{}'
      AND coalesce(
        (
          SELECT pg_policy.polrelid
          FROM pg_policy
          WHERE dependent.classid = 'pg_policy'::regclass AND pg_policy.oid = dependent.objid
        ),
        (
          SELECT pg_attrdef.adrelid
          FROM pg_attrdef
          WHERE dependent.classid = 'pg_attrdef'::regclass AND pg_attrdef.oid = dependent.objid
        ),
        0
      ) IN (SELECT relation.oid FROM relation)
    )
    -- Triggers go with their table; those of the synchronisation with the columns, too.
    AND NOT EXISTS (
      SELECT
      FROM pg_trigger
      JOIN relation ON relation.oid = pg_trigger.tgrelid
      JOIN pg_proc ON pg_proc.oid = pg_trigger.tgfoid
      WHERE dependent.classid = 'pg_trigger'::regclass
        AND pg_trigger.oid = dependent.objid
        AND (
          CAST(:columns AS text[]) = '{}'
          OR pg_proc.pronamespace = to_regnamespace('inventory_ops')
        )
    )
)
SELECT
  named.dependent,
  regexp_replace(trim(coalesce(named.definition, '')), '\s+', ' ', 'g') AS definition
FROM named
WHERE NOT named.name = ANY (CAST(:ours AS text[]))
  AND (CAST(:views AS boolean) OR NOT named.by_query)
GROUP BY named.dependent, named.definition
ORDER BY named.dependent;
