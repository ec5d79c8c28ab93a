-- Rows and content of every table that a dump holds.
--
-- Locks: ACCESS SHARE on each table until the end of the transaction.

SELECT
  format('%I.%I', pg_namespace.nspname, pg_class.relname) AS name,
  held.rows,
  held.content
FROM pg_class
JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
CROSS JOIN LATERAL pg_temp.content_of(pg_class.oid) AS held
WHERE pg_class.relkind = 'r'
  AND pg_class.relpersistence <> 't'
  AND pg_namespace.nspname !~ '^pg_'
  AND pg_namespace.nspname <> 'information_schema'
  -- What belongs to an extension comes with it.
  AND NOT EXISTS (
    SELECT
    FROM pg_depend
    WHERE pg_depend.classid = 'pg_class'::regclass AND pg_depend.objid = pg_class.oid AND pg_depend.deptype = 'e'
  )
ORDER BY 1;
