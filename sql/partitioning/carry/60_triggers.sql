-- The triggers of a table, whether each is enabled, and their comments, as statements for the table that takes its name.
--
-- Locks: none.

SELECT statements.statement
FROM (
  SELECT pg_trigger.tgname, 1 AS place, pg_get_triggerdef(pg_trigger.oid) AS statement
  FROM pg_trigger
  WHERE pg_trigger.tgrelid = CAST(:source AS regclass) AND NOT pg_trigger.tgisinternal AND pg_trigger.tgparentid = 0
  UNION ALL
  SELECT
    pg_trigger.tgname,
    2,
    format(
      'ALTER TABLE %I.%I %s TRIGGER %I', CAST(:schema AS text), CAST(:name AS text),
      CASE pg_trigger.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END,
      pg_trigger.tgname
    )
  FROM pg_trigger
  WHERE pg_trigger.tgrelid = CAST(:source AS regclass) AND NOT pg_trigger.tgisinternal AND pg_trigger.tgparentid = 0
    AND pg_trigger.tgenabled <> 'O'
  UNION ALL
  SELECT
    pg_trigger.tgname,
    3,
    format('COMMENT ON TRIGGER %I ON %I.%I IS %L', pg_trigger.tgname, CAST(:schema AS text), CAST(:name AS text),
      obj_description(pg_trigger.oid, 'pg_trigger'))
  FROM pg_trigger
  WHERE pg_trigger.tgrelid = CAST(:source AS regclass) AND NOT pg_trigger.tgisinternal AND pg_trigger.tgparentid = 0
    AND obj_description(pg_trigger.oid, 'pg_trigger') IS NOT NULL
) AS statements
ORDER BY statements.tgname, statements.place;
