-- Sequences that belong to a column of a table, as statements that give them to the table that takes its name.
--
-- Locks: none.

SELECT format(
  'ALTER SEQUENCE %I.%I OWNED BY %I.%I.%I', place.nspname, sequence.relname, CAST(:schema AS text), CAST(:name AS text),
  pg_attribute.attname
) AS statement
FROM pg_depend
JOIN pg_class AS sequence ON sequence.oid = pg_depend.objid AND sequence.relkind = 'S'
JOIN pg_namespace AS place ON place.oid = sequence.relnamespace
JOIN pg_attribute ON pg_attribute.attrelid = pg_depend.refobjid AND pg_attribute.attnum = pg_depend.refobjsubid
WHERE pg_depend.classid = 'pg_class'::regclass
  AND pg_depend.refclassid = 'pg_class'::regclass
  AND pg_depend.refobjid = CAST(:source AS regclass)
  AND pg_depend.deptype = 'a'
ORDER BY sequence.relname;
