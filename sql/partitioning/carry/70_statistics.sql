-- The statistics objects of a table, as statements that make them on the table that takes its name.
--
-- Locks: none.

SELECT statements.statement
FROM (
  SELECT pg_statistic_ext.oid, 1 AS place, pg_get_statisticsobjdef(pg_statistic_ext.oid) AS statement
  FROM pg_statistic_ext
  WHERE pg_statistic_ext.stxrelid = CAST(:source AS regclass)
  UNION ALL
  SELECT
    pg_statistic_ext.oid,
    2,
    format('ALTER STATISTICS %I.%I SET STATISTICS %s', pg_namespace.nspname, pg_statistic_ext.stxname, pg_statistic_ext.stxstattarget)
  FROM pg_statistic_ext
  JOIN pg_namespace ON pg_namespace.oid = pg_statistic_ext.stxnamespace
  WHERE pg_statistic_ext.stxrelid = CAST(:source AS regclass) AND pg_statistic_ext.stxstattarget >= 0
  UNION ALL
  SELECT
    pg_statistic_ext.oid,
    3,
    format('ALTER STATISTICS %I.%I OWNER TO %I', pg_namespace.nspname, pg_statistic_ext.stxname,
      pg_get_userbyid(pg_statistic_ext.stxowner))
  FROM pg_statistic_ext
  JOIN pg_namespace ON pg_namespace.oid = pg_statistic_ext.stxnamespace
  WHERE pg_statistic_ext.stxrelid = CAST(:source AS regclass)
  UNION ALL
  SELECT
    pg_statistic_ext.oid,
    4,
    format('COMMENT ON STATISTICS %I.%I IS %L', pg_namespace.nspname, pg_statistic_ext.stxname,
      obj_description(pg_statistic_ext.oid, 'pg_statistic_ext'))
  FROM pg_statistic_ext
  JOIN pg_namespace ON pg_namespace.oid = pg_statistic_ext.stxnamespace
  WHERE pg_statistic_ext.stxrelid = CAST(:source AS regclass)
    AND obj_description(pg_statistic_ext.oid, 'pg_statistic_ext') IS NOT NULL
) AS statements
ORDER BY statements.oid, statements.place;
