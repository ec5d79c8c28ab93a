-- What keeps a table from being turned into partitions by a column: a sentence each with what to do; no row if nothing does.
--
-- Locks: none.

WITH target AS (
  SELECT
    pg_class.oid,
    pg_class.relname,
    pg_class.relnamespace,
    pg_class.relkind,
    pg_class.relpersistence,
    pg_class.relowner,
    pg_class.reloftype,
    pg_class.reltype,
    pg_class.relrowsecurity,
    pg_class.relforcerowsecurity,
    pg_class.relreplident,
    pg_class.reltablespace,
    pg_am.amname,
    pg_attribute.attnum,
    pg_attribute.attgenerated,
    format_type(pg_attribute.atttypid, NULL) AS column_type
  FROM pg_class
  LEFT JOIN pg_am ON pg_am.oid = pg_class.relam
  LEFT JOIN pg_attribute ON pg_attribute.attrelid = pg_class.oid
    AND pg_attribute.attname = :column AND pg_attribute.attnum > 0 AND NOT pg_attribute.attisdropped
  WHERE pg_class.oid = to_regclass(:table)
),
constraints AS (
  SELECT
    pg_constraint.oid,
    pg_constraint.conname,
    pg_constraint.contype,
    pg_constraint.conrelid,
    pg_constraint.confrelid,
    pg_constraint.convalidated,
    pg_constraint.connoinherit,
    pg_constraint.condeferrable,
    pg_constraint.conkey,
    pg_get_constraintdef(pg_constraint.oid) AS definition,
    coalesce(to_jsonb(pg_constraint) ->> 'conperiod', 'false') = 'true' AS over_period,
    coalesce(to_jsonb(pg_constraint) ->> 'conenforced', 'true') = 'true' AS enforced
  FROM pg_constraint
  JOIN target ON pg_constraint.conrelid = target.oid
),
dependents AS (
  SELECT
    pg_depend.classid,
    pg_depend.objid,
    pg_depend.objsubid,
    pg_depend.refclassid,
    pg_depend.refobjid,
    rule.ev_class,
    view.relkind AS view_kind,
    view.relowner AS view_owner
  FROM target
  JOIN pg_depend ON (
    (pg_depend.refclassid = 'pg_class'::regclass AND pg_depend.refobjid = target.oid)
    OR (
      pg_depend.refclassid = 'pg_type'::regclass
      AND pg_depend.refobjid IN (target.reltype, (SELECT pg_type.typarray FROM pg_type WHERE pg_type.oid = target.reltype))
    )
    OR (pg_depend.refclassid = 'pg_constraint'::regclass AND pg_depend.refobjid IN (SELECT constraints.oid FROM constraints))
  )
  LEFT JOIN pg_rewrite AS rule ON pg_depend.classid = 'pg_rewrite'::regclass AND rule.oid = pg_depend.objid
  LEFT JOIN pg_class AS view ON view.oid = rule.ev_class
),
found (code, sentence) AS (
  SELECT 'no_column', format('There is no column %s.', quote_ident(:column))
  FROM target
  WHERE target.attnum IS NULL
  UNION ALL
  SELECT 'column_type', format(
    '%s is of type %s: a month is one of a timestamp or date column.', quote_ident(:column), target.column_type
  )
  FROM target
  WHERE target.attnum IS NOT NULL
    AND target.column_type NOT IN ('timestamp with time zone', 'timestamp without time zone', 'date')
  UNION ALL
  SELECT 'column_generated', format('%s is a generated column, which cannot decide on the partition.', quote_ident(:column))
  FROM target
  WHERE target.attgenerated <> ''
  UNION ALL
  SELECT 'not_a_table', CASE target.relkind
    WHEN 'p' THEN 'It is partitioned already, and not by this command: `soleflip partition --list` shows those that are.'
    ELSE 'It is no ordinary table.'
  END
  FROM target
  WHERE target.relkind <> 'r'
  UNION ALL
  SELECT 'not_logged', 'It is unlogged or temporary: ALTER TABLE … SET LOGGED, if its rows are to be kept.'
  FROM target
  WHERE target.relpersistence <> 'p'
  UNION ALL
  SELECT 'not_owner', format(
    'It belongs to %s, and %s is no member of that role: set SOLEFLIP_OWNER_DATABASE_URL.',
    pg_get_userbyid(target.relowner), current_user
  )
  FROM target
  WHERE NOT pg_has_role(target.relowner, 'USAGE')
  UNION ALL
  SELECT 'no_create', format('%s may not create tables in schema %s: GRANT CREATE.', current_user, target.relnamespace::regnamespace)
  FROM target
  WHERE NOT has_schema_privilege(target.relnamespace, 'CREATE')
  UNION ALL
  SELECT 'name_too_long', format(
    'Its name has %s bytes, and its partitions'' names need room for 17 more: 46 at most.', octet_length(target.relname::text)
  )
  FROM target
  WHERE octet_length(target.relname::text) > 46
  UNION ALL
  SELECT 'name_taken', format('%s is there, and a partition is to have this name: rename it.', pg_class.oid::regclass)
  FROM target
  JOIN pg_class ON pg_class.relnamespace = target.relnamespace AND pg_class.relname = ANY (CAST(:names AS text[]))
  UNION ALL
  SELECT 'incoming_foreign_key', format(
    '%s references it by %s: a key by month could not be referenced.', pg_constraint.conrelid::regclass,
    quote_ident(pg_constraint.conname)
  )
  FROM target
  JOIN pg_constraint ON pg_constraint.confrelid = target.oid AND pg_constraint.contype = 'f'
  UNION ALL
  SELECT 'inheritance', format('It inherits from or is inherited by %s.', CASE
    WHEN pg_inherits.inhrelid = target.oid THEN pg_inherits.inhparent ELSE pg_inherits.inhrelid
  END::regclass)
  FROM target
  JOIN pg_inherits ON target.oid IN (pg_inherits.inhrelid, pg_inherits.inhparent)
  WHERE target.relkind = 'r'
  UNION ALL
  SELECT 'typed', format('It is a table of type %s: ALTER TABLE … NOT OF.', target.reloftype::regtype)
  FROM target
  WHERE target.reloftype <> 0
  UNION ALL
  SELECT 'row_security', 'It has row security, which would not come along.'
  FROM target
  WHERE target.relrowsecurity
    OR target.relforcerowsecurity
    OR EXISTS (SELECT FROM pg_policy WHERE pg_policy.polrelid = target.oid)
  UNION ALL
  SELECT 'rule', format('It has the rule %s, which would not come along: a trigger would.', quote_ident(pg_rewrite.rulename))
  FROM target
  JOIN pg_rewrite ON pg_rewrite.ev_class = target.oid
  UNION ALL
  SELECT 'tablespace', 'It, or an index of it, is in a tablespace of its own, and its months would not be.'
  FROM target
  WHERE EXISTS (
    SELECT
    FROM pg_class
    WHERE pg_class.reltablespace <> 0
      AND (
        pg_class.oid = target.oid
        OR pg_class.oid IN (SELECT pg_index.indexrelid FROM pg_index WHERE pg_index.indrelid = target.oid)
      )
  )
  UNION ALL
  SELECT 'access_method', format('It is kept by the access method %s; only heap is known here.', quote_ident(target.amname))
  FROM target
  WHERE target.amname <> 'heap'
  UNION ALL
  SELECT 'security_label', 'It has a security label, which would not come along.'
  FROM target
  WHERE EXISTS (SELECT FROM pg_seclabel WHERE pg_seclabel.objoid = target.oid AND pg_seclabel.classoid = 'pg_class'::regclass)
  UNION ALL
  SELECT 'extension', format('It belongs to the extension %s.', quote_ident(pg_extension.extname))
  FROM target
  JOIN pg_depend ON pg_depend.classid = 'pg_class'::regclass AND pg_depend.objid = target.oid AND pg_depend.deptype = 'e'
  JOIN pg_extension ON pg_extension.oid = pg_depend.refobjid
  UNION ALL
  SELECT 'not_valid', format(
    '%s is not validated, and a partition''s must be: ALTER TABLE … VALIDATE CONSTRAINT %s.',
    quote_ident(constraints.conname), quote_ident(constraints.conname)
  )
  FROM constraints
  WHERE NOT constraints.convalidated AND constraints.enforced AND constraints.conname NOT LIKE 'soleflip\_until\_%'
  UNION ALL
  SELECT 'constraint_kind', format('The constraint %s (%s) cannot be one of a partitioned table.',
    quote_ident(constraints.conname), constraints.definition)
  FROM constraints
  WHERE constraints.contype = 'x'
    OR constraints.over_period
    OR NOT constraints.enforced
    OR (constraints.contype IN ('c', 'n') AND constraints.connoinherit)
  UNION ALL
  SELECT 'key_form', format('The primary key %s is deferrable or has an INCLUDE: it could not get the column.', quote_ident(constraints.conname))
  FROM constraints
  CROSS JOIN target
  WHERE constraints.contype = 'p'
    AND NOT target.attnum = ANY (constraints.conkey)
    AND (constraints.condeferrable OR constraints.definition LIKE '% INCLUDE %')
  UNION ALL
  SELECT 'invalid_index', format('The index %s is invalid: REINDEX INDEX CONCURRENTLY, or drop it.', pg_index.indexrelid::regclass)
  FROM target
  JOIN pg_index ON pg_index.indrelid = target.oid
  JOIN pg_class ON pg_class.oid = pg_index.indexrelid
  WHERE NOT pg_index.indisvalid AND pg_class.relname <> target.relname || '_soleflip_key'
  UNION ALL
  SELECT 'replica_identity', 'Its replica identity is an index, which months would not have: use DEFAULT or FULL.'
  FROM target
  WHERE target.relreplident = 'i'
  UNION ALL
  SELECT 'publication', format(
    'The publication %s would send months under their own names: ALTER PUBLICATION %s SET (publish_via_partition_root = true).',
    quote_ident(pg_publication.pubname), quote_ident(pg_publication.pubname)
  )
  FROM target
  JOIN pg_publication ON NOT pg_publication.pubviaroot AND (
    pg_publication.puballtables
    OR EXISTS (
      SELECT FROM pg_publication_rel
      WHERE pg_publication_rel.prpubid = pg_publication.oid AND pg_publication_rel.prrelid = target.oid
    )
    OR EXISTS (
      SELECT FROM pg_publication_namespace
      WHERE pg_publication_namespace.pnpubid = pg_publication.oid AND pg_publication_namespace.pnnspid = target.relnamespace
    )
  )
  UNION ALL
  SELECT 'subscription', 'A subscription writes to it, and would lose it.'
  FROM target
  WHERE EXISTS (SELECT FROM pg_subscription_rel WHERE pg_subscription_rel.srrelid = target.oid)
  UNION ALL
  SELECT 'trigger_form', format('The trigger %s is for each row with a transition table, which a partition cannot have.', quote_ident(pg_trigger.tgname))
  FROM target
  JOIN pg_trigger ON pg_trigger.tgrelid = target.oid AND NOT pg_trigger.tgisinternal
  WHERE (pg_trigger.tgtype & 1) = 1 AND (pg_trigger.tgoldtable IS NOT NULL OR pg_trigger.tgnewtable IS NOT NULL)
  UNION ALL
  SELECT 'trigger_moves', format(
    'The trigger %s runs before a row is written and its function names %s: it could move the row to another month, '
    || 'or set the column too late.', quote_ident(pg_trigger.tgname), quote_ident(:column)
  )
  FROM target
  JOIN pg_trigger ON pg_trigger.tgrelid = target.oid AND NOT pg_trigger.tgisinternal
  JOIN pg_proc ON pg_proc.oid = pg_trigger.tgfoid
  WHERE (pg_trigger.tgtype & 3) = 3
    AND (pg_trigger.tgtype & 20) <> 0
    AND pg_proc.prosrc ~* ('\m(new|record)\.\W?' || regexp_replace(:column, '(\W)', '\\\1', 'g') || '\M\W*:?=')
  UNION ALL
  SELECT DISTINCT 'materialized_view', format(
    'The materialized view %s reads it: drop it, and make it again afterwards.', dependents.ev_class::regclass
  )
  FROM dependents
  WHERE dependents.view_kind = 'm'
  UNION ALL
  SELECT DISTINCT 'view_owner', format(
    'The view %s belongs to %s, and has to be pointed at the new table: work as a member of that role.',
    dependents.ev_class::regclass, pg_get_userbyid(dependents.view_owner)
  )
  FROM dependents
  WHERE dependents.view_kind = 'v' AND NOT pg_has_role(dependents.view_owner, 'USAGE')
  UNION ALL
  SELECT DISTINCT 'view_by_key', format(
    'The view %s groups by its primary key alone: name all columns in its GROUP BY.', dependents.ev_class::regclass
  )
  FROM dependents
  WHERE dependents.refclassid = 'pg_constraint'::regclass AND dependents.view_kind IS NOT NULL
  UNION ALL
  SELECT DISTINCT 'depends', format(
    '%s depends on it and would stay with the old rows: drop it, and make it again afterwards.',
    pg_describe_object(dependents.classid, dependents.objid, 0)
  )
  FROM dependents
  CROSS JOIN target
  WHERE NOT (
    (dependents.classid = 'pg_rewrite'::regclass AND dependents.refclassid <> 'pg_type'::regclass AND dependents.view_kind IN ('v', 'm', 'r'))
    OR dependents.classid IN (
      'pg_trigger'::regclass, 'pg_statistic_ext'::regclass, 'pg_publication_rel'::regclass, 'pg_policy'::regclass
    )
    -- Foreign keys of others are told of above.
    OR (dependents.classid = 'pg_constraint'::regclass)
    OR (dependents.classid = 'pg_type'::regclass AND dependents.refclassid = 'pg_class'::regclass)
    OR (dependents.classid = 'pg_type'::regclass AND dependents.refobjid = target.reltype)
    OR (
      dependents.classid = 'pg_attrdef'::regclass
      AND EXISTS (SELECT FROM pg_attrdef WHERE pg_attrdef.oid = dependents.objid AND pg_attrdef.adrelid = target.oid)
    )
    OR (
      dependents.classid = 'pg_class'::regclass
      AND dependents.refclassid <> 'pg_type'::regclass
      AND EXISTS (
        SELECT
        FROM pg_class
        WHERE pg_class.oid = dependents.objid
          AND (
            pg_class.relkind IN ('t', 'S')
            OR EXISTS (SELECT FROM pg_index WHERE pg_index.indexrelid = pg_class.oid AND pg_index.indrelid = target.oid)
          )
      )
    )
    OR (dependents.classid = 'pg_class'::regclass AND dependents.objid = target.oid)
  )
)
SELECT found.code, found.sentence
FROM found
ORDER BY found.code, found.sentence;
