-- Some objects as PostgreSQL prints them, each in its place; NULL if there is none. The arrays are equally long.
--
-- A kind is function, index, trigger, view, materialized view or table. Of a table only that it is there: its columns are
-- only ever added.
--
-- Locks: none.

SELECT
  CASE wanted.kind
    WHEN 'function' THEN (
      SELECT
        string_agg(
          CASE pg_proc.prokind
            WHEN 'a' THEN format('aggregate %s', pg_proc.oid::regprocedure)
            ELSE pg_get_functiondef(pg_proc.oid)
          END,
          '' ORDER BY pg_proc.oid
        )
      FROM pg_proc
      WHERE pg_proc.pronamespace = to_regnamespace(wanted.schema) AND pg_proc.proname = wanted.name
    )
    WHEN 'index' THEN (
      SELECT
        pg_get_indexdef(pg_index.indexrelid)
          || CASE WHEN pg_index.indisvalid AND pg_index.indisready THEN '' ELSE ' (invalid)' END
      FROM pg_index
      JOIN pg_class ON pg_class.oid = pg_index.indexrelid
      WHERE pg_class.relnamespace = to_regnamespace(wanted.schema) AND pg_class.relname = wanted.name
    )
    WHEN 'trigger' THEN (
      SELECT
        pg_get_triggerdef(pg_trigger.oid)
          || CASE pg_trigger.tgenabled WHEN 'O' THEN '' ELSE ' (not enabled)' END
      FROM pg_trigger
      WHERE pg_trigger.tgrelid = to_regclass(format('%I.%I', wanted.schema, wanted.relation))
        AND pg_trigger.tgname = wanted.name
    )
    WHEN 'view' THEN (
      SELECT pg_get_viewdef(pg_class.oid)
      FROM pg_class
      WHERE pg_class.relnamespace = to_regnamespace(wanted.schema)
        AND pg_class.relname = wanted.name
        AND pg_class.relkind = 'v'
    )
    WHEN 'materialized view' THEN (
      SELECT pg_get_viewdef(pg_class.oid)
      FROM pg_class
      WHERE pg_class.relnamespace = to_regnamespace(wanted.schema)
        AND pg_class.relname = wanted.name
        AND pg_class.relkind IN ('m', 'v')
    )
    WHEN 'table' THEN (
      SELECT 'table'
      FROM pg_class
      WHERE pg_class.relnamespace = to_regnamespace(wanted.schema)
        AND pg_class.relname = wanted.name
        AND pg_class.relkind IN ('r', 'p')
    )
  END AS definition
FROM
  unnest(CAST(:kinds AS text[]), CAST(:schemas AS text[]), CAST(:names AS text[]), CAST(:relations AS text[]))
    WITH ORDINALITY AS wanted (kind, schema, name, relation, place)
ORDER BY wanted.place;
