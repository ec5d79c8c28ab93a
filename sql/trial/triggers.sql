-- The writes at which code of somebody else's is called, with the names of what calls it.
--
-- Those of Phase 2, and where ours is false the shop's own that the new columns of stock may spoil. what: in words.
-- That are triggers, and constraints, generated columns and, at an insert, defaults with a function. An insert deletes what
-- is there before. names and functions belong together.
-- discarding: those that may discard a row, being triggers BEFORE and for each row.
--
-- Locks: none; reads the catalog.

SELECT
  written.command,
  written.what,
  written.ours,
  pg_class.relname AS relation,
  array_agg(calling.name ORDER BY calling.name) AS names,
  array_agg(pg_proc.proname::text ORDER BY calling.name) AS functions,
  coalesce(array_agg(calling.name ORDER BY calling.name) FILTER (WHERE calling.discards), '{}') AS discarding
FROM (
  VALUES
    ('insert', 4, 'stock', 'insert of a row like', false),
    ('update', 16, 'stock', 'update of', true),
    ('delete', 8, 'stock', 'delete of', false),
    ('update', 16, 'stock_financial', 'update of', true),
    ('insert', 4 | 8, 'stock_lifecycle', 'delete or insert of', true),
    ('update', 16, 'stock_lifecycle', 'update of', true),
    ('insert', 4 | 8, 'stock_metrics', 'delete or insert of', true),
    ('update', 16, 'stock_metrics', 'update of', true)
) AS written (command, bit, relation, what, ours)
JOIN pg_class
  ON pg_class.relname = written.relation
  AND pg_class.relnamespace = to_regnamespace('inventory')
  AND pg_class.relkind = 'r'
CROSS JOIN LATERAL (
  SELECT format('trigger %s', pg_trigger.tgname) AS name, pg_trigger.tgfoid AS function, pg_trigger.tgtype & 3 = 3 AS discards
  FROM pg_trigger
  WHERE pg_trigger.tgrelid = pg_class.oid
    AND pg_trigger.tgtype & written.bit <> 0
    AND pg_trigger.tgenabled IN ('O', 'A')
    AND NOT pg_trigger.tgisinternal
  UNION ALL
  -- On what PostgreSQL itself brings, nothing is recorded to depend.
  SELECT format('constraint %s', pg_constraint.conname), pg_depend.refobjid, false
  FROM pg_constraint
  JOIN pg_depend ON pg_depend.classid = 'pg_constraint'::regclass AND pg_depend.objid = pg_constraint.oid
  WHERE pg_constraint.conrelid = pg_class.oid AND pg_depend.refclassid = 'pg_proc'::regclass
  UNION ALL
  SELECT
    format('%s column %s', CASE WHEN pg_attribute.attgenerated = '' THEN 'default of' ELSE 'generated' END, pg_attribute.attname),
    pg_depend.refobjid,
    false
  FROM pg_attribute
  JOIN pg_attrdef ON pg_attrdef.adrelid = pg_attribute.attrelid AND pg_attrdef.adnum = pg_attribute.attnum
  JOIN pg_depend ON pg_depend.classid = 'pg_attrdef'::regclass AND pg_depend.objid = pg_attrdef.oid
  WHERE pg_attribute.attrelid = pg_class.oid
    AND (pg_attribute.attgenerated <> '' OR written.command = 'insert')
    AND pg_depend.refclassid = 'pg_proc'::regclass
) AS calling
JOIN pg_proc ON pg_proc.oid = calling.function
WHERE pg_proc.pronamespace IS DISTINCT FROM to_regnamespace('inventory_ops')
  -- Who may not write there is told so by privileges_sufficient.
  AND pg_has_role(pg_class.relowner, 'USAGE')
GROUP BY pg_class.relname, written.command, written.what, written.ours
ORDER BY pg_class.relname DESC, written.command DESC;
