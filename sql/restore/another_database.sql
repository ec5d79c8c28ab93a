-- A database other than one of a name, to rename that from.
--
-- Locks: none.

SELECT pg_database.datname::text AS name
FROM pg_database
WHERE pg_database.datname <> :database
  AND pg_database.datallowconn
  AND NOT pg_database.datistemplate
  AND has_database_privilege(pg_database.oid, 'CONNECT')
ORDER BY pg_database.oid
LIMIT 1;
