-- The views that read a table, as statements that let them read the table that takes its name.
--
-- CREATE OR REPLACE keeps a view's owner, privileges, comments and whatever is built on it. Asked while the table has
-- its name, executed once another one has it.
--
-- Locks: ACCESS SHARE on what the views read.

SELECT format(
  'CREATE OR REPLACE VIEW %I.%I%s AS %s', pg_namespace.nspname, pg_class.relname,
  (
    SELECT ' WITH (' || string_agg(format('%I = %L', split_part(setting, '=', 1), split_part(setting, '=', 2)), ', ') || ')'
    FROM unnest(pg_class.reloptions) AS setting
  ),
  pg_get_viewdef(pg_class.oid)
) AS statement
FROM pg_class
JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
WHERE pg_class.relkind = 'v'
  AND pg_class.oid IN (
    SELECT pg_rewrite.ev_class
    FROM pg_depend
    JOIN pg_rewrite ON pg_rewrite.oid = pg_depend.objid
    WHERE pg_depend.classid = 'pg_rewrite'::regclass
      AND pg_depend.refclassid = 'pg_class'::regclass
      AND pg_depend.refobjid = CAST(:source AS regclass)
  )
ORDER BY pg_class.oid;
