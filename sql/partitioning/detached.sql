-- What was taken out of a table by its retention and is not dropped yet.
--
-- Locks: none.

SELECT pg_class.relname::text AS name
FROM pg_class
JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
WHERE pg_namespace.nspname = :schema
  AND pg_class.relkind = 'r'
  AND NOT pg_class.relispartition
  AND left(pg_class.relname, length(:name)) = :name
  AND substr(pg_class.relname, length(:name) + 1) ~ '^_[0-9]{6}_detached$'
ORDER BY pg_class.relname;
