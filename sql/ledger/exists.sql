-- Whether this project was ever deployed here, and whether it recorded what it made.
--
-- Not by to_regclass, which fails for who may not look into the schema.
--
-- Locks: none.

SELECT
  count(*) FILTER (WHERE pg_class.relname = 'ledger') = 1 AS ledger_exists,
  count(*) FILTER (WHERE pg_class.relname = 'made_object') = 1 AS record_exists
FROM pg_class
JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
WHERE pg_namespace.nspname = 'inventory_ops' AND pg_class.relkind = 'r';
