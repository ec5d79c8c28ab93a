-- Whether the schema of the warehouse's catalog is there.
--
-- Locks: none.

SELECT EXISTS (
  SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'warehouse'
) AS there;
