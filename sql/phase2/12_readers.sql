-- Views that others have built on a relation which is about to be replaced: they are detached from it and attached again.
--
-- Both in one transaction. A plain view stays where it is, with its owner, privileges, comments, triggers and whatever
-- is built on it: it is only told to give rows of NULLs meanwhile. A materialized view cannot be told, and is made again
-- with all that it had; so whatever reads it is detached, too.
--
-- Locks: none that anyone could wait for: everything here is new, or replaced in an instant. Each call of
--        detach_readers() holds ACCESS EXCLUSIVE on these views to the end of its transaction.
-- Again: safe.

-- Each after those that it reads itself. Detached are those that read one of the relations, or a materialized view that is
-- detached; the others find the same view as before. Of stock, say, only some columns may count: none given means all;
-- and of those that read a relation only some (among), else all.
CREATE OR REPLACE FUNCTION inventory_ops.readers_of(
  relations regclass[], columns text[] DEFAULT '{}', among regclass[] DEFAULT NULL
)
RETURNS TABLE (reader regclass, query text, detached boolean)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN QUERY
  WITH RECURSIVE read AS (
    SELECT DISTINCT
      pg_depend.refobjid AS relation,
      view.oid AS reader,
      view.relkind AS kind,
      pg_attribute.attname::text AS column_name
    FROM pg_depend
    JOIN pg_rewrite ON pg_rewrite.oid = pg_depend.objid AND pg_rewrite.rulename = '_RETURN'
    JOIN pg_class AS view ON view.oid = pg_rewrite.ev_class
    LEFT JOIN pg_attribute
      ON pg_attribute.attrelid = pg_depend.refobjid AND pg_attribute.attnum = nullif(pg_depend.refobjsubid, 0)
    WHERE pg_depend.classid = 'pg_rewrite'::regclass
      AND pg_depend.refclassid = 'pg_class'::regclass
      AND pg_depend.refobjid <> view.oid
      AND view.relnamespace <> 'inventory_ops'::regnamespace
      AND view.oid IS DISTINCT FROM to_regclass('inventory.stock_metrics_view')
  ),
  direct AS (
    SELECT DISTINCT read.reader, read.kind
    FROM read
    WHERE read.relation = ANY (relations)
      AND (columns = '{}' OR read.column_name = ANY (columns))
      AND (among IS NULL OR read.reader = ANY (among))
  ),
  walked AS (
    SELECT direct.reader, 1 AS depth
    FROM direct
    UNION
    SELECT read.reader, walked.depth + 1
    FROM walked
    JOIN read ON read.relation = walked.reader
    -- Two views can be made to read each other.
    WHERE walked.depth < 100
  ),
  set_free AS (
    SELECT direct.reader, direct.kind
    FROM direct
    UNION
    SELECT read.reader, read.kind
    FROM set_free
    JOIN read ON read.relation = set_free.reader
    WHERE set_free.kind = 'm'
  )
  SELECT
    walked.reader::regclass,
    rtrim(pg_get_viewdef(walked.reader), ';'),
    EXISTS (SELECT FROM set_free WHERE set_free.reader = walked.reader)
  FROM walked
  GROUP BY walked.reader
  ORDER BY max(walked.depth), walked.reader;
END
$function$;

COMMENT ON FUNCTION inventory_ops.readers_of(regclass[], text[], regclass[]) IS
  'The views that read some relations, directly or not, and which of them are detached when these are replaced';

-- Of a view that is made anew: who may do what with it, column by column.
CREATE OR REPLACE FUNCTION inventory_ops.grants_on(relation regclass)
RETURNS text[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN coalesce(
    (
      SELECT array_agg(format(
        'GRANT %s%s ON %s TO %s%s',
        privilege.privilege_type,
        ' (' || quote_ident(granted.column_name) || ')',
        relation,
        CASE WHEN privilege.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(privilege.grantee)) END,
        CASE WHEN privilege.is_grantable THEN ' WITH GRANT OPTION' END
      ))
      FROM (
        SELECT NULL::name AS column_name, pg_class.relacl AS acl, pg_class.relowner AS owner
        FROM pg_class
        WHERE pg_class.oid = relation
        UNION ALL
        SELECT pg_attribute.attname, pg_attribute.attacl, pg_class.relowner
        FROM pg_attribute
        JOIN pg_class ON pg_class.oid = pg_attribute.attrelid
        WHERE pg_attribute.attrelid = relation AND NOT pg_attribute.attisdropped
      ) AS granted
      CROSS JOIN LATERAL aclexplode(granted.acl) AS privilege
      WHERE privilege.grantee <> granted.owner
    ),
    '{}'
  );
END
$function$;

COMMENT ON FUNCTION inventory_ops.grants_on(regclass) IS
  'The statements that grant what others than its owner may do with a relation';

-- Default privileges have given it to somebody the moment it was made, perhaps to whom it had been revoked from.
CREATE OR REPLACE FUNCTION inventory_ops.revoke_from_others(relation regclass)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  grantee text;
BEGIN
  FOR grantee IN
    SELECT DISTINCT
      CASE WHEN privilege.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(privilege.grantee)) END
    FROM pg_class
    CROSS JOIN LATERAL aclexplode(pg_class.relacl) AS privilege
    WHERE pg_class.oid = relation AND privilege.grantee <> pg_class.relowner
  LOOP
    EXECUTE format('REVOKE ALL ON %s FROM %s CASCADE', relation, grantee);
  END LOOP;
END
$function$;

COMMENT ON FUNCTION inventory_ops.revoke_from_others(regclass) IS
  'Takes back what default privileges have given of a relation that was just made';

CREATE OR REPLACE FUNCTION inventory_ops.comments_on(relation regclass)
RETURNS text[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN coalesce(
    (
      SELECT array_agg(
        CASE
          WHEN pg_attribute.attname IS NOT NULL
            THEN format('COMMENT ON COLUMN %s.%I IS %L', relation, pg_attribute.attname, pg_description.description)
          ELSE format(
            'COMMENT ON %s %s IS %L',
            CASE pg_class.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'i' THEN 'INDEX' ELSE 'VIEW' END,
            relation,
            pg_description.description
          )
        END
      )
      FROM pg_description
      JOIN pg_class ON pg_class.oid = pg_description.objoid
      LEFT JOIN pg_attribute
        ON pg_attribute.attrelid = pg_description.objoid AND pg_attribute.attnum = nullif(pg_description.objsubid, 0)
      WHERE pg_description.classoid = 'pg_class'::regclass AND pg_description.objoid = relation
    ),
    '{}'
  );
END
$function$;

COMMENT ON FUNCTION inventory_ops.comments_on(regclass) IS
  'The statements that give a view or an index, and its columns, their comments';

-- A list of options for WITH; those of the TOAST table are kept there.
CREATE OR REPLACE FUNCTION inventory_ops.options_of(relation regclass)
RETURNS text
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN coalesce(
    (
      SELECT ' WITH (' || string_agg(format('%s%I = %L', option.prefix, option.name, option.value), ', ') || ')'
      FROM (
        SELECT '' AS prefix, split.option_name AS name, split.option_value AS value
        FROM pg_class
        CROSS JOIN LATERAL pg_options_to_table(pg_class.reloptions) AS split
        WHERE pg_class.oid = relation
        UNION ALL
        SELECT 'toast.', split.option_name, split.option_value
        FROM pg_class
        JOIN pg_class AS toast ON toast.oid = pg_class.reltoastrelid
        CROSS JOIN LATERAL pg_options_to_table(toast.reloptions) AS split
        WHERE pg_class.oid = relation
      ) AS option
    ),
    ''
  );
END
$function$;

COMMENT ON FUNCTION inventory_ops.options_of(regclass) IS 'The options of a relation, as CREATE takes them';

-- What a materialized view has beside its query and its options, in the order in which it is given to the new one.
CREATE OR REPLACE FUNCTION inventory_ops.belongings_of(relation regclass)
RETURNS text[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN ARRAY(
    SELECT format('ALTER MATERIALIZED VIEW %s OWNER TO %I', relation, pg_get_userbyid(pg_class.relowner))
    FROM pg_class
    WHERE pg_class.oid = relation AND pg_get_userbyid(pg_class.relowner) <> current_user
  ) || ARRAY(
    SELECT format(
      'ALTER MATERIALIZED VIEW %s ALTER COLUMN %I SET %s',
      relation,
      pg_attribute.attname,
      setting.words
    )
    FROM pg_attribute
    CROSS JOIN LATERAL (
      SELECT 'STATISTICS ' || pg_attribute.attstattarget AS words
      WHERE pg_attribute.attstattarget >= 0
      UNION ALL
      -- A server may keep notes of its own there.
      SELECT '(' || option || ')'
      FROM unnest(pg_attribute.attoptions) AS option
      WHERE starts_with(option, 'n_distinct')
    ) AS setting
    WHERE pg_attribute.attrelid = relation AND pg_attribute.attnum > 0 AND NOT pg_attribute.attisdropped
    ORDER BY pg_attribute.attnum
  ) || ARRAY(
    -- As its owner, who may no more do with functions in it than at any refresh.
    SELECT format('REFRESH MATERIALIZED VIEW %s', relation)
    FROM pg_class
    WHERE pg_class.oid = relation AND pg_class.relispopulated
  ) || ARRAY(
    SELECT made.statement
    FROM pg_index
    JOIN pg_class ON pg_class.oid = pg_index.indexrelid
    LEFT JOIN pg_tablespace ON pg_tablespace.oid = pg_class.reltablespace
    CROSS JOIN LATERAL unnest(
      ARRAY[
        pg_get_indexdef(pg_index.indexrelid),
        format('ALTER INDEX %s SET TABLESPACE ', pg_index.indexrelid::regclass) || quote_ident(pg_tablespace.spcname),
        CASE
          WHEN pg_index.indisclustered
            THEN format('ALTER MATERIALIZED VIEW %s CLUSTER ON %I', relation, pg_class.relname)
        END
      ] || inventory_ops.comments_on(pg_index.indexrelid)
    ) WITH ORDINALITY AS made (statement, place)
    WHERE pg_index.indrelid = relation AND made.statement IS NOT NULL
    ORDER BY pg_class.relname, made.place
  ) || ARRAY(
    SELECT made.statement
    FROM pg_statistic_ext AS statistics
    CROSS JOIN LATERAL (
      SELECT format('%I.%I', statistics.stxnamespace::regnamespace::text, statistics.stxname) AS name
    ) AS named
    CROSS JOIN LATERAL unnest(ARRAY[
      pg_get_statisticsobjdef(statistics.oid),
      CASE
        WHEN pg_get_userbyid(statistics.stxowner) <> current_user
          THEN format('ALTER STATISTICS %s OWNER TO %I', named.name, pg_get_userbyid(statistics.stxowner))
      END,
      CASE
        WHEN statistics.stxstattarget >= 0
          THEN format('ALTER STATISTICS %s SET STATISTICS %s', named.name, statistics.stxstattarget)
      END,
      format('COMMENT ON STATISTICS %s IS ', named.name)
        || quote_literal(obj_description(statistics.oid, 'pg_statistic_ext'))
    ]) WITH ORDINALITY AS made (statement, place)
    WHERE statistics.stxrelid = relation AND made.statement IS NOT NULL
    ORDER BY statistics.stxname, made.place
  ) || inventory_ops.comments_on(relation);
END
$function$;

COMMENT ON FUNCTION inventory_ops.belongings_of(regclass) IS
  'The statements that give a materialized view, made anew, what the old one had: owner, rows, indexes, comments';

-- What it did is remembered to the end of the transaction.
CREATE OR REPLACE FUNCTION inventory_ops.detach_readers(
  relations regclass[], columns text[] DEFAULT '{}', among regclass[] DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  remembered jsonb;
  one jsonb;
BEGIN
  SELECT coalesce(jsonb_agg(jsonb_build_object(
    'reader', found.reader::text,
    'kind', pg_class.relkind,
    'create', CASE pg_class.relkind
      WHEN 'v' THEN format('CREATE OR REPLACE VIEW %s%s AS ', found.reader, inventory_ops.options_of(found.reader))
      ELSE format(
        'CREATE MATERIALIZED VIEW %s USING %I%s%s AS ',
        found.reader,
        pg_am.amname,
        inventory_ops.options_of(found.reader),
        ' TABLESPACE ' || quote_ident(pg_tablespace.spcname)
      )
    END,
    'query', found.query,
    'belongings', CASE WHEN pg_class.relkind = 'm' THEN inventory_ops.belongings_of(found.reader) ELSE '{}' END,
    'grants', CASE WHEN pg_class.relkind = 'm' THEN inventory_ops.grants_on(found.reader) ELSE '{}' END,
    'detach', CASE pg_class.relkind
      WHEN 'v' THEN format('CREATE OR REPLACE VIEW %s AS SELECT ', found.reader) || coalesce(
        (
          SELECT string_agg(
            format(
              'NULL::%s%s AS %I',
              format_type(pg_attribute.atttypid, pg_attribute.atttypmod),
              ' COLLATE ' || nullif(pg_attribute.attcollation, pg_type.typcollation)::regcollation::text,
              pg_attribute.attname
            ),
            ', '
            ORDER BY pg_attribute.attnum
          )
          FROM pg_attribute
          JOIN pg_type ON pg_type.oid = pg_attribute.atttypid
          WHERE pg_attribute.attrelid = found.reader AND pg_attribute.attnum > 0
        ),
        ''
      )
      -- Never CASCADE: whatever reads it as a view is detached already, and what else there is is somebody's.
      ELSE format('DROP MATERIALIZED VIEW %s', found.reader)
    END
  ) ORDER BY found.place), '[]')
  INTO remembered
  FROM (
    SELECT listed.reader, listed.query, listed.place
    FROM inventory_ops.readers_of(relations, columns, among)
      WITH ORDINALITY AS listed (reader, query, detached, place)
    WHERE listed.detached
  ) AS found
  JOIN pg_class ON pg_class.oid = found.reader
  LEFT JOIN pg_am ON pg_am.oid = pg_class.relam
  LEFT JOIN pg_tablespace ON pg_tablespace.oid = pg_class.reltablespace;

  PERFORM set_config('soleflip.detached', remembered::text, true);

  -- Who reads comes before what is read.
  FOR one IN
    SELECT listed.value
    FROM jsonb_array_elements(remembered) WITH ORDINALITY AS listed (value, place)
    ORDER BY listed.place DESC
  LOOP
    EXECUTE one ->> 'detach';
  END LOOP;
END
$function$;

COMMENT ON FUNCTION inventory_ops.detach_readers(regclass[], text[], regclass[]) IS
  'Detaches the views of others from relations that are about to be replaced, until attach_readers()';

CREATE OR REPLACE FUNCTION inventory_ops.attach_readers(queries jsonb DEFAULT '{}')
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  one jsonb;
  statement text;
BEGIN
  FOR one IN SELECT jsonb_array_elements(current_setting('soleflip.detached')::jsonb)
  LOOP
    EXECUTE concat(
      one ->> 'create',
      coalesce(queries ->> (one ->> 'reader'), one ->> 'query'),
      CASE WHEN one ->> 'kind' = 'm' THEN ' WITH NO DATA' END
    );
    IF one ->> 'kind' = 'm' THEN
      PERFORM inventory_ops.revoke_from_others((one ->> 'reader')::regclass);
    END IF;
    FOR statement IN
      SELECT jsonb_array_elements_text(one -> 'belongings')
      UNION ALL
      SELECT jsonb_array_elements_text(one -> 'grants')
    LOOP
      EXECUTE statement;
    END LOOP;
  END LOOP;
  PERFORM set_config('soleflip.detached', '[]', true);
END
$function$;

COMMENT ON FUNCTION inventory_ops.attach_readers(jsonb) IS
  'Attaches what detach_readers() detached, each with its own query or the one given under its name';

-- Proves that a view can be given another query: the same columns, the same rows at this moment, and none of the
-- relations, or of their columns where some are given, read any more. Both queries are run as the view's owner, with whose rights it is read, and in one statement, so
-- that both see the same rows of the shop; a row is compared as text, which every type has.
CREATE OR REPLACE FUNCTION inventory_ops.prove_query(
  reader regclass, present text, proposed text, relations regclass[], columns text[] DEFAULT '{}'
)
RETURNS TABLE (obstacle text, rows bigint, only_now bigint, only_then bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  role_outside text := current_setting('role');
  made oid;
BEGIN
  EXECUTE 'CREATE VIEW inventory_ops.proposed_reader AS ' || proposed;
  made := 'inventory_ops.proposed_reader'::regclass;
  IF ARRAY(
    SELECT (pg_attribute.attname, pg_attribute.atttypid, pg_attribute.atttypmod, pg_attribute.attcollation)::text
    FROM pg_attribute
    WHERE pg_attribute.attrelid = reader AND pg_attribute.attnum > 0
    ORDER BY pg_attribute.attnum
  ) <> ARRAY(
    SELECT (pg_attribute.attname, pg_attribute.atttypid, pg_attribute.atttypmod, pg_attribute.attcollation)::text
    FROM pg_attribute
    WHERE pg_attribute.attrelid = made AND pg_attribute.attnum > 0
    ORDER BY pg_attribute.attnum
  ) THEN
    obstacle := 'its columns would be of other types';
  ELSIF EXISTS (
    SELECT
    FROM pg_rewrite
    JOIN pg_depend ON pg_depend.classid = 'pg_rewrite'::regclass AND pg_depend.objid = pg_rewrite.oid
    LEFT JOIN pg_type ON pg_depend.refclassid = 'pg_type'::regclass AND pg_type.oid = pg_depend.refobjid
    LEFT JOIN pg_attribute
      ON pg_attribute.attrelid = pg_depend.refobjid
      AND pg_attribute.attnum = nullif(pg_depend.refobjsubid, 0)
      AND pg_depend.refclassid = 'pg_class'::regclass
    WHERE pg_rewrite.ev_class = made
      AND (columns = '{}' OR pg_attribute.attname = ANY (columns))
      AND (
        (pg_depend.refclassid = 'pg_class'::regclass AND pg_depend.refobjid = ANY (relations))
        OR pg_type.typrelid = ANY (relations)
      )
  ) THEN
    obstacle := 'it names the table itself, in another way than by reading it';
  END IF;
  DROP VIEW inventory_ops.proposed_reader;

  IF obstacle IS NULL THEN
    PERFORM set_config('role', pg_get_userbyid(pg_class.relowner), true)
    FROM pg_class
    WHERE pg_class.oid = reader;
    EXECUTE format(
      $query$
        WITH present AS (SELECT (present_row.*)::text AS line FROM (%s) AS present_row),
        proposed AS (SELECT (proposed_row.*)::text AS line FROM (%s) AS proposed_row)
        SELECT
          (SELECT count(*) FROM present),
          (SELECT count(*) FROM (TABLE present EXCEPT ALL TABLE proposed) AS lost),
          (SELECT count(*) FROM (TABLE proposed EXCEPT ALL TABLE present) AS added)
      $query$,
      present,
      proposed
    ) INTO rows, only_now, only_then;
    PERFORM set_config('role', role_outside, true);
  END IF;
  RETURN NEXT;
EXCEPTION
  WHEN syntax_error_or_access_rule_violation OR data_exception OR feature_not_supported THEN
    obstacle := SQLERRM;
    RETURN NEXT;
END
$function$;

COMMENT ON FUNCTION inventory_ops.prove_query(regclass, text, text, regclass[], text[]) IS
  'Whether a view may be given another query: what stands in the way, and how many rows would differ';

-- Whoever may read one view may read the one that takes its place, and what is built on it is built on that.
CREATE OR REPLACE FUNCTION inventory_ops.keep_view()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  view regclass := to_regclass('inventory.stock_metrics_view');
BEGIN
  PERFORM set_config(
    'soleflip.view_kept',
    coalesce(
      array_to_json(inventory_ops.grants_on(view) || inventory_ops.comments_on(view) || ARRAY(
        SELECT comment.statement
        FROM unnest(ARRAY['idx_stock_metrics_view_stock_id', 'idx_stock_metrics_view_available']) AS index (name)
        CROSS JOIN LATERAL unnest(inventory_ops.comments_on(coalesce(
          to_regclass('inventory.' || index.name), to_regclass('inventory_ops.' || index.name)
        ))) AS comment (statement)
      ))::text,
      '[]'
    ),
    true
  );
  PERFORM inventory_ops.detach_readers(ARRAY[view]);
END
$function$;

COMMENT ON FUNCTION inventory_ops.keep_view() IS
  'Remembers who may do what with inventory.stock_metrics_view and its comments, and detaches its readers';

CREATE OR REPLACE FUNCTION inventory_ops.give_back_view()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  statement text;
  kind text := (
    SELECT CASE pg_class.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END
    FROM pg_class
    WHERE pg_class.oid = 'inventory.stock_metrics_view'::regclass
  );
  indexes text := CASE kind WHEN 'VIEW' THEN 'inventory_ops' ELSE 'inventory' END;
BEGIN
  PERFORM inventory_ops.revoke_from_others('inventory.stock_metrics_view');
  FOR statement IN SELECT jsonb_array_elements_text(current_setting('soleflip.view_kept')::jsonb)
  LOOP
    statement := regexp_replace(statement, '^COMMENT ON (MATERIALIZED )?VIEW', 'COMMENT ON ' || kind);
    statement := regexp_replace(statement, '^COMMENT ON INDEX \w+\.', 'COMMENT ON INDEX ' || indexes || '.');
    BEGIN
      EXECUTE statement;
    EXCEPTION
      -- On a column that only the other view had, which somebody had changed by hand, or on an index: a view of stock
      -- has none.
      WHEN undefined_column OR undefined_table THEN NULL;
    END;
  END LOOP;
  PERFORM inventory_ops.attach_readers();
END
$function$;

COMMENT ON FUNCTION inventory_ops.give_back_view() IS
  'Gives inventory.stock_metrics_view, made anew, what keep_view() remembers, and attaches its readers again';

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA inventory_ops FROM PUBLIC;
