-- The project's own schema: what was deployed, and what the checks need to remember.
--
-- Locks: where this ran before, ACCESS EXCLUSIVE on the queue of changes for an instant; else none that anyone could
--        wait for: everything here is new, or replaced in an instant.
-- Again: safe; nothing that exists is touched, but for columns that the queue lacks.

CREATE SCHEMA IF NOT EXISTS inventory_ops;

COMMENT ON SCHEMA inventory_ops IS 'SoleFlip inventory platform: deployment ledger, baselines and refresh records';

CREATE TABLE IF NOT EXISTS inventory_ops.ledger (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  step text NOT NULL,
  checksum text NOT NULL,
  version text NOT NULL,
  executed_by text NOT NULL DEFAULT session_user,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  finished_at timestamptz,
  reverted_at timestamptz,
  details jsonb NOT NULL DEFAULT '{}'
);

COMMENT ON TABLE inventory_ops.ledger IS
  'One row for each time a step was started; finished_at is NULL while it runs and after it died';

CREATE TABLE IF NOT EXISTS inventory_ops.backup (
  backup text PRIMARY KEY,
  source text NOT NULL,
  rows bigint NOT NULL,
  content text NOT NULL,
  copied_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE inventory_ops.backup IS 'What each source table held in the snapshot that its backup was copied in';

CREATE TABLE IF NOT EXISTS inventory_ops.stock_baseline (
  stock_id uuid PRIMARY KEY
);

ALTER TABLE inventory_ops.stock_baseline
  ADD COLUMN IF NOT EXISTS arrived_at timestamptz;

COMMENT ON TABLE inventory_ops.stock_baseline IS
  'The stock rows that were there when Phase 2 was deployed, and with arrived_at those that came since';

CREATE TABLE IF NOT EXISTS inventory_ops.stock_deletion (
  stock_id uuid NOT NULL,
  id bigint GENERATED ALWAYS AS IDENTITY,
  deleted_by text NOT NULL DEFAULT session_user,
  deleted_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (stock_id, id)
);

COMMENT ON TABLE inventory_ops.stock_deletion IS 'Every stock row deleted since Phase 2, written in the same transaction';

CREATE TABLE IF NOT EXISTS inventory_ops.metrics_refresh (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  horizon xid8 NOT NULL,
  started_at timestamptz NOT NULL,
  finished_at timestamptz NOT NULL,
  refreshed_by text NOT NULL DEFAULT session_user
);

COMMENT ON COLUMN inventory_ops.metrics_refresh.horizon IS
  'Every transaction before this one had ended when the refresh began: the refresh saw all it wrote';

-- A transaction number means something in its own cluster only. A managed server may keep its identifier to itself.
CREATE OR REPLACE FUNCTION inventory_ops.system_identifier()
RETURNS bigint
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  IF has_function_privilege('pg_control_system()', 'EXECUTE') THEN
    RETURN (SELECT control.system_identifier FROM pg_control_system() AS control);
  END IF;
  RETURN NULL;
END
$function$;

COMMENT ON FUNCTION inventory_ops.system_identifier() IS
  'Which cluster this is; NULL where the caller may not know';

-- First without the default: of the refreshes that were recorded before, nobody knows where they ran.
ALTER TABLE inventory_ops.metrics_refresh
  ADD COLUMN IF NOT EXISTS system_identifier bigint;

ALTER TABLE inventory_ops.metrics_refresh
  ALTER COLUMN system_identifier SET DEFAULT inventory_ops.system_identifier();

COMMENT ON COLUMN inventory_ops.metrics_refresh.system_identifier IS
  'The cluster of the horizon; NULL where the refresh could not know';

-- Two tables of the incremental read model (sql/incremental), here because the monitors read them in either mode.
-- No index: an entry is added once, and taken with all others. Vacuumed early: every refresh reads what it holds.
CREATE TABLE IF NOT EXISTS inventory_ops.stock_change (
  stock_id uuid,
  queued_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);

-- What metrics are computed from, as the write left it. By themselves: the table may be there without them.
ALTER TABLE inventory_ops.stock_change
  -- squawk-ignore prefer-bigint-over-int
  ADD COLUMN IF NOT EXISTS quantity integer,
  -- squawk-ignore prefer-bigint-over-int
  ADD COLUMN IF NOT EXISTS reserved_quantity integer,
  ADD COLUMN IF NOT EXISTS gross_purchase_price numeric,
  ADD COLUMN IF NOT EXISTS roi_percentage numeric,
  ADD COLUMN IF NOT EXISTS created_at timestamptz,
  ADD COLUMN IF NOT EXISTS updated_at timestamptz;

COMMENT ON TABLE inventory_ops.stock_change IS
  'Stock rows whose metrics were written since the last refresh, once for each write; NULL stands for a truncation';

COMMENT ON COLUMN inventory_ops.stock_change.quantity IS
  'As the write left it, like the columns after it; NULL where the entry only says that something changed';

-- Where everything is published for logical replication, a table without a key refuses DELETE.
DO $$
BEGIN
  IF (SELECT relreplident FROM pg_class WHERE oid = 'inventory_ops.stock_change'::regclass) <> 'f' THEN
    ALTER TABLE inventory_ops.stock_change REPLICA IDENTITY FULL;
  END IF;
END
$$;

CREATE TABLE IF NOT EXISTS inventory_ops.metrics_comparison (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  missing bigint NOT NULL,
  wrong bigint NOT NULL,
  phantom bigint NOT NULL,
  examples text[],
  compared_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  compared_by text NOT NULL DEFAULT session_user
);

COMMENT ON TABLE inventory_ops.metrics_comparison IS
  'What each full comparison of the read model found that no trigger had announced, and repaired';

CREATE TABLE IF NOT EXISTS inventory_ops.validation (
  name text PRIMARY KEY,
  passed boolean NOT NULL,
  since timestamptz NOT NULL DEFAULT now(),
  evaluated_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE inventory_ops.validation IS 'What came of each validation the last time, and since when it comes to that';

CREATE OR REPLACE FUNCTION inventory_ops.fingerprint(relation regclass, OUT rows bigint, OUT content text)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
-- A value that has no hash is hashed as text.
SET datestyle = 'ISO, DMY'
SET intervalstyle = 'postgres'
SET timezone = 'UTC'
SET extra_float_digits = 1
SET bytea_output = 'hex'
AS $function$
DECLARE
  columns text;
BEGIN
  -- The sum of a 64-bit hash of each row: independent of the order of rows, sensitive to a row that is missing,
  -- doubled or altered. The hash of a row is itself a sum, over its columns: hashed once more, so that two rows that
  -- exchange a value do not add up to what they were. These are the hashes that place rows in hash partitions, so
  -- pg_upgrade keeps them. The MD5 of a row as text takes four times as long: 4.7 s against 1.2 s for a million rows
  -- of stock_lifecycle. Only types whose values have hashes of their own are hashed as they are: that of a numeric,
  -- also inside jsonb, leaves out its sign.
  SELECT string_agg(
    CASE
      WHEN attribute.atttypid = ANY ('{bool,int2,int4,int8,uuid,date,timestamp,timestamptz}'::regtype[])
        THEN format('t.%I', attribute.attname)
      ELSE format('t.%I::text COLLATE "C"', attribute.attname)
    END,
    ', ' ORDER BY attribute.attnum
  )
  INTO columns
  FROM pg_attribute AS attribute
  WHERE attribute.attrelid = relation AND attribute.attnum > 0 AND NOT attribute.attisdropped;

  EXECUTE format(
    'SELECT count(*), coalesce(sum(hashint8extended(hash_record_extended(ROW(%s), 0), 0)), 0)::text FROM %s AS t',
    columns,
    relation
  ) INTO rows, content;
  content := '2:' || content;
END
$function$;

-- A backup of an earlier version has a record by the earlier hash, which did not see an exchange. What it still proves is
-- recorded anew; a backup that it disproves keeps its record.
DO $$
DECLARE
  kept record;
  found record;
BEGIN
  FOR kept IN
    SELECT backup.backup AS name, backup.rows, backup.content
    FROM inventory_ops.backup
    WHERE backup.content NOT LIKE '2:%' AND to_regclass(backup.backup) IS NOT NULL
  LOOP
    EXECUTE format(
      'SELECT count(*) AS rows, coalesce(sum(hash_record_extended(t.*, 0)), 0)::text AS content FROM %s AS t',
      kept.name::regclass
    ) INTO found;
    IF found.rows = kept.rows AND found.content = kept.content THEN
      UPDATE inventory_ops.backup
      SET content = (SELECT anew.content FROM inventory_ops.fingerprint(kept.name::regclass) AS anew)
      WHERE backup.backup = kept.name;
    END IF;
  END LOOP;
END
$$;

COMMENT ON FUNCTION inventory_ops.fingerprint(regclass) IS 'Count and content hash of a table; reads all of it';

-- The valid indexes and keys of one table, made on another one that has the same columns; what is there is left alone.
CREATE OR REPLACE FUNCTION inventory_ops.index_alike(model regclass, target regclass)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  statement text;
BEGIN
  FOR statement IN
    SELECT
      CASE
        WHEN pg_constraint.oid IS NOT NULL
          THEN format('ALTER TABLE %s ADD %s', target, pg_get_constraintdef(pg_constraint.oid))
        ELSE replace(
          pg_get_indexdef(pg_index.indexrelid),
          format('INDEX %I ON %s ', pg_class.relname, model),
          format('INDEX ON %s ', target)
        )
      END
    FROM pg_index
    JOIN pg_class ON pg_class.oid = pg_index.indexrelid
    LEFT JOIN pg_constraint
      ON pg_constraint.conindid = pg_index.indexrelid
      AND pg_constraint.conrelid = pg_index.indrelid
      AND pg_constraint.contype IN ('p', 'u', 'x')
    WHERE pg_index.indrelid = model
      AND pg_index.indisvalid
      AND NOT EXISTS (
        SELECT
        FROM pg_index AS known
        JOIN pg_class AS known_class ON known_class.oid = known.indexrelid
        WHERE known.indrelid = target
          AND known.indisvalid
          AND known.indisprimary = pg_index.indisprimary
          AND substring(pg_get_indexdef(known.indexrelid) FROM ' USING .*')
            = substring(pg_get_indexdef(pg_index.indexrelid) FROM ' USING .*')
          AND known.indisunique = pg_index.indisunique
      )
    ORDER BY pg_index.indexrelid
  LOOP
    EXECUTE statement;
  END LOOP;
END
$function$;

COMMENT ON FUNCTION inventory_ops.index_alike(regclass, regclass) IS
  'Makes the indexes and keys of one table on another one that has the same columns';

CREATE OR REPLACE FUNCTION inventory_ops.back_up(source regclass)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  backup_name text := source::text || '_backup';
  held record;
  copied record;
BEGIN
  IF current_setting('transaction_isolation') <> 'repeatable read' THEN
    RAISE EXCEPTION 'back_up(%) proves the copy in the snapshot it was made in: call it in a REPEATABLE READ transaction', source;
  END IF;
  IF to_regclass(backup_name) IS NOT NULL THEN
    -- A copy and its record are one transaction: who died between that and the ledger finds both.
    IF EXISTS (SELECT FROM inventory_ops.backup WHERE backup.backup = backup_name) THEN
      RETURN;
    END IF;
    RAISE EXCEPTION 'table % exists and is not a backup made by this deployment', backup_name
      USING HINT = 'Deploy with soleflip deploy, which adopts a backup that was made by hand.';
  END IF;

  -- Foreign keys are left out: ON DELETE CASCADE would empty the backup as stock rows are sold and deleted.
  -- A copy says what was there: nothing in it is generated anew.
  EXECUTE format(
    'CREATE TABLE %s (LIKE %s INCLUDING ALL EXCLUDING INDEXES EXCLUDING IDENTITY EXCLUDING GENERATED)',
    backup_name,
    source
  );
  EXECUTE format('INSERT INTO %s TABLE %s', backup_name, source);

  -- Indexes last: kept up row by row, with random ids, they take eight times as long as the copy.
  PERFORM inventory_ops.index_alike(source, backup_name::regclass);

  held := inventory_ops.fingerprint(source);
  copied := inventory_ops.fingerprint(backup_name::regclass);
  IF held IS DISTINCT FROM copied THEN
    RAISE EXCEPTION '% holds % but its copy holds %', source, held, copied;
  END IF;

  INSERT INTO inventory_ops.backup (backup, source, rows, content)
  VALUES (backup_name, source::text, held.rows, held.content)
  ON CONFLICT (backup) DO UPDATE
  SET rows = excluded.rows, content = excluded.content, copied_at = excluded.copied_at;
END
$function$;

COMMENT ON FUNCTION inventory_ops.back_up(regclass) IS
  'Copies a table to <name>_backup, once, with its defaults, constraints and indexes; proves and records the copy';

-- A backup made by hand is a bare copy. It gets what back_up() would have given it, in place: its rows are not touched.
CREATE OR REPLACE FUNCTION inventory_ops.complete_backup(target regclass, model regclass, source text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  statement text;
  held record;
BEGIN
  FOR statement IN
    -- From PostgreSQL 18 on a NOT NULL has a name, which a copy keeps.
    SELECT format('ALTER TABLE %s ADD CONSTRAINT %I %s', target, wanted.conname, pg_get_constraintdef(wanted.oid))
    FROM pg_constraint AS wanted
    JOIN pg_attribute AS attribute ON attribute.attrelid = model AND attribute.attnum = wanted.conkey[1]
    JOIN pg_attribute AS found ON found.attrelid = target AND found.attname = attribute.attname
    WHERE wanted.conrelid = model AND wanted.contype = 'n' AND NOT found.attnotnull
    UNION ALL
    SELECT format('ALTER TABLE %s ADD CONSTRAINT %I %s', target, wanted.conname, pg_get_constraintdef(wanted.oid))
    FROM pg_constraint AS wanted
    WHERE wanted.conrelid = model
      AND wanted.contype = 'c'
      AND NOT EXISTS (
        SELECT FROM pg_constraint AS known WHERE known.conrelid = target AND known.conname = wanted.conname
      )
    UNION ALL
    SELECT format('ALTER TABLE %s ALTER %I SET NOT NULL', target, attribute.attname)
    FROM pg_attribute AS attribute
    WHERE attribute.attrelid = model
      AND attribute.attnum > 0
      AND attribute.attnotnull
      AND NOT EXISTS (
        SELECT
        FROM pg_constraint AS wanted
        WHERE wanted.conrelid = model AND wanted.contype = 'n' AND wanted.conkey[1] = attribute.attnum
      )
    UNION ALL
    SELECT format(
      'ALTER TABLE %s ALTER %I SET DEFAULT %s',
      target,
      attribute.attname,
      pg_get_expr(column_default.adbin, column_default.adrelid)
    )
    FROM pg_attribute AS attribute
    JOIN pg_attrdef AS column_default
      ON column_default.adrelid = attribute.attrelid AND column_default.adnum = attribute.attnum
    WHERE attribute.attrelid = model AND attribute.attgenerated = ''
    UNION ALL
    SELECT format('COMMENT ON COLUMN %s.%I IS %L', target, attribute.attname, pg_description.description)
    FROM pg_attribute AS attribute
    JOIN pg_description
      ON pg_description.objoid = attribute.attrelid
      AND pg_description.objsubid = attribute.attnum
      AND pg_description.classoid = 'pg_class'::regclass
    WHERE attribute.attrelid = model AND attribute.attnum > 0
  LOOP
    EXECUTE statement;
  END LOOP;
  PERFORM inventory_ops.index_alike(model, target);

  held := inventory_ops.fingerprint(target);
  INSERT INTO inventory_ops.backup (backup, source, rows, content)
  VALUES (target::text, source, held.rows, held.content)
  ON CONFLICT (backup) DO NOTHING;
END
$function$;

COMMENT ON FUNCTION inventory_ops.complete_backup(regclass, regclass, text) IS
  'Gives a backup that was made by hand what back_up() would have given it, and records what it holds';

CREATE OR REPLACE FUNCTION inventory_ops.set_aside(relation regclass, suffix text)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  old_name text;
  new_name text;
  kind text;
  number integer := 1;
  index_name text;
BEGIN
  SELECT
    pg_class.relname,
    CASE pg_class.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END
  INTO old_name, kind
  FROM pg_class
  WHERE pg_class.oid = relation;
  new_name := old_name || suffix;
  WHILE to_regclass(format('inventory_ops.%I', new_name)) IS NOT NULL
  LOOP
    number := number + 1;
    new_name := old_name || suffix || '_' || number;
  END LOOP;
  -- Index names are unique in a schema: ours will need theirs, there and here.
  FOR index_name IN
    SELECT pg_class.relname
    FROM pg_index
    JOIN pg_class ON pg_class.oid = pg_index.indexrelid
    WHERE pg_index.indrelid = relation
  LOOP
    EXECUTE format('ALTER INDEX inventory.%I RENAME TO %I', index_name, left(index_name, 40) || right(new_name, 20));
  END LOOP;
  EXECUTE format('ALTER %s %s RENAME TO %I', kind, relation, new_name);
  EXECUTE format('ALTER %s inventory.%I SET SCHEMA inventory_ops', kind, new_name);
  RETURN format('inventory_ops.%I', new_name);
END
$function$;

COMMENT ON FUNCTION inventory_ops.set_aside(regclass, text) IS
  'Moves a table of inventory that stands in the way into inventory_ops, with a suffix that says what it is';

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA inventory_ops FROM PUBLIC;
