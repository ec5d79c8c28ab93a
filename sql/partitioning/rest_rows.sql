-- About how many rows are in the partition of the rest, for whoever may not read them.
--
-- Locks: none.

SELECT
  coalesce(has_table_privilege(to_regclass(:rest), 'SELECT'), false)
    AND has_schema_privilege(:schema, 'USAGE') AS readable,
  coalesce(pg_stat_get_live_tuples(to_regclass(:rest)), 0) AS estimated_rows;
