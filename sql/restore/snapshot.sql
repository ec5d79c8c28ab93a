-- This transaction's snapshot, for pg_dump to read the same, and what a new database must have in common with this.
--
-- The search_path is emptied until the end of the transaction: definitions then name every schema.
--
-- Locks: none.

SELECT
  pg_export_snapshot() AS snapshot,
  set_config('search_path', '', true) AS search_path,
  current_setting('server_version') AS server_version,
  pg_database.datname::text AS database,
  pg_get_userbyid(pg_database.datdba)::text AS owner,
  pg_encoding_to_char(pg_database.encoding)::text AS encoding,
  pg_database.datcollate::text AS collate,
  pg_database.datctype::text AS ctype
FROM pg_database
WHERE pg_database.datname = current_database();
