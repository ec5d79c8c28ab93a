-- This transaction's snapshot, for pg_dump to read the same.
--
-- The search_path is emptied until the end of the transaction: definitions then name every schema.
--
-- Locks: none.

SELECT
  pg_export_snapshot() AS snapshot,
  set_config('search_path', '', true) AS search_path,
  set_config('quote_all_identifiers', 'off', true) AS quoting,
  current_setting('server_version') AS server_version,
  current_database()::text AS database;
