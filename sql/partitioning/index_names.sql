-- The indexes of one partition that belong to indexes of its table, as statements that give each the name of that one.
--
-- To be executed once the partitioned table is gone. The key is not among them where another one takes its place.
--
-- Locks: none.

SELECT
  pg_index.indisprimary AS is_key,
  child.relname::text AS name,
  format('ALTER INDEX %I.%I RENAME TO %I', pg_namespace.nspname, child.relname, parent.relname) AS statement
FROM pg_inherits
JOIN pg_class AS parent ON parent.oid = pg_inherits.inhparent
JOIN pg_class AS child ON child.oid = pg_inherits.inhrelid
JOIN pg_namespace ON pg_namespace.oid = child.relnamespace
JOIN pg_index ON pg_index.indexrelid = child.oid
JOIN pg_index AS parent_index ON parent_index.indexrelid = parent.oid
WHERE parent_index.indrelid = CAST(:source AS regclass) AND pg_index.indrelid = CAST(:target AS regclass)
ORDER BY child.relname;
