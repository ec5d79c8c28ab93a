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
    pg_depend.refclassid,
    pg_depend.refobjid,
    rule.ev_class,
    view.relkind AS view_kind
  FROM target
  JOIN pg_depend ON (
    (pg_depend.refclassid = 'pg_class'::regclass AND pg_depend.refobjid = target.oid)
    OR (
      pg_depend.refclassid = 'pg_type'::regclass
      AND pg_depend.refobjid IN (target.reltype, (SELECT pg_type.typarray FROM pg_type WHERE pg_type.oid = target.reltype))
    )
    OR (pg_depend.refclassid = 'pg_constraint'::regclass AND pg_depend.refobjid IN (SELECT constraints.oid FROM constraints))
    -- The sequence of an identity column goes, and another one takes its name.
    OR (
      pg_depend.refclassid = 'pg_class'::regclass
      AND pg_depend.refobjid IN (
        SELECT identity.objid
        FROM pg_depend AS identity
        WHERE identity.classid = 'pg_class'::regclass
          AND identity.refclassid = 'pg_class'::regclass
          AND identity.refobjid = target.oid
          AND identity.deptype = 'i'
          AND identity.refobjsubid > 0
      )
    )
  )
  -- The query of a view, which is replaced; another rule of a view, or of a table, would stay with the old rows.
  LEFT JOIN pg_rewrite AS rule ON pg_depend.classid = 'pg_rewrite'::regclass AND rule.oid = pg_depend.objid AND rule.rulename = '_RETURN'
  LEFT JOIN pg_class AS view ON view.oid = rule.ev_class
  -- What PostgreSQL would drop with the table is the table's own.
  WHERE NOT EXISTS (
    SELECT
    FROM pg_depend AS own
    WHERE own.classid = pg_depend.classid
      AND own.objid = pg_depend.objid
      AND own.deptype <> 'n'
      AND own.refclassid IN ('pg_class'::regclass, 'pg_constraint'::regclass, 'pg_type'::regclass)
      AND own.refobjid IN (
        SELECT target.oid
        UNION ALL
        SELECT target.reltype
        UNION ALL
        SELECT constraints.oid FROM constraints
      )
  )
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
  SELECT 'ours', 'SoleFlip itself works with it, and counts on its key.'
  FROM target
  WHERE target.relnamespace = to_regnamespace('inventory_ops')
    OR target.oid IN (
      to_regclass('inventory.stock'), to_regclass('inventory.stock_reservation'), to_regclass('inventory.stock_financial'),
      to_regclass('inventory.stock_lifecycle'), to_regclass('inventory.stock_metrics')
    )
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
  SELECT 'name_too_long', format(
    'Its name has %s bytes, and its partitions'' names need room for 17 more: 46 at most.', octet_length(target.relname::text)
  )
  FROM target
  WHERE octet_length(target.relname::text) > 46
  UNION ALL
  SELECT 'name_taken', format('%s.%I is there, and a partition is to have this name: rename it.', taken.place, taken.name)
  FROM target
  CROSS JOIN LATERAL (
    SELECT target.relnamespace::regnamespace::text AS place, pg_class.relname AS name
    FROM pg_class
    WHERE pg_class.relnamespace = target.relnamespace
      AND NOT EXISTS (SELECT FROM pg_index WHERE pg_index.indexrelid = pg_class.oid AND pg_index.indrelid = target.oid)
    UNION
    -- A table takes the name of a type, too.
    SELECT target.relnamespace::regnamespace::text, pg_type.typname
    FROM pg_type
    WHERE pg_type.typnamespace = target.relnamespace
  ) AS taken
  WHERE left(taken.name, length(target.relname) + 1) = target.relname || '_'
    AND substr(taken.name, length(target.relname) + 2) ~ :endings
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
  SELECT 'publication_columns', format(
    'The publication %s leaves out %s, which the key is to have, and updates could not be sent: let it name all columns.',
    quote_ident(pg_publication.pubname), quote_ident(:column)
  )
  FROM target
  JOIN pg_publication_rel ON pg_publication_rel.prrelid = target.oid
  JOIN pg_publication ON pg_publication.oid = pg_publication_rel.prpubid
  WHERE target.relreplident = 'd'
    AND (pg_publication.pubupdate OR pg_publication.pubdelete)
    AND NOT target.attnum = ANY (string_to_array(pg_publication_rel.prattrs::text, ' ')::smallint[])
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
    AND pg_proc.prosrc ~* format(
      '\m(new|record)\.\W?%1$s\M\W*:?=|\minto\s[^;]*\mnew\.\W?%1$s\M|\mnew\s*:=|\minto\s+(strict\s+)?new\M(?!\.)',
      regexp_replace(:column, '(\W)', '\\\1', 'g')
    )
  UNION ALL
  SELECT 'trigger_name', format(
    'The trigger %s is for each row and its function asks for the name of the table, which would be that of a month: '
    || 'let the trigger give the name as an argument (TG_ARGV).', quote_ident(pg_trigger.tgname)
  )
  FROM target
  JOIN pg_trigger ON pg_trigger.tgrelid = target.oid AND NOT pg_trigger.tgisinternal
  JOIN pg_proc ON pg_proc.oid = pg_trigger.tgfoid
  WHERE (pg_trigger.tgtype & 1) = 1 AND pg_proc.prosrc ~* '\mtg_(table_name|relname|relid)\M|\mtd\W+(table_name|relname|relid)\M'
  UNION ALL
  SELECT DISTINCT 'materialized_view', format(
    'The materialized view %s reads it: drop it, and make it again afterwards.', dependents.ev_class::regclass
  )
  FROM dependents
  WHERE dependents.view_kind = 'm'
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
  LEFT JOIN pg_class AS view ON view.oid = dependents.ev_class
  LEFT JOIN pg_constraint ON dependents.classid = 'pg_constraint'::regclass AND pg_constraint.oid = dependents.objid
  WHERE (dependents.classid, dependents.objid) <> ('pg_class'::regclass, target.oid)
    -- Of views, and of foreign keys and constraints on the table itself, more is said above.
    AND (
      dependents.view_kind IS NULL
      OR view.relpersistence = 't'
      OR dependents.refclassid = 'pg_type'::regclass
      OR (dependents.refclassid = 'pg_class'::regclass AND dependents.refobjid <> target.oid)
    )
    AND target.oid NOT IN (coalesce(pg_constraint.conrelid, 0), coalesce(pg_constraint.confrelid, 0))
)
SELECT found.code, found.sentence
FROM found
ORDER BY found.code, found.sentence;
