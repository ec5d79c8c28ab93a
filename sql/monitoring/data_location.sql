-- Where the server keeps stock's tablespace, and whether we reached it over a socket of this machine.
--
-- Locks: none.

SELECT
  inet_server_addr() IS NULL AS over_socket,
  coalesce(
    nullif(pg_tablespace_location(coalesce(nullif(pg_class.reltablespace, 0), pg_database.dattablespace)), ''),
    CASE WHEN pg_has_role('pg_read_all_settings', 'USAGE') THEN current_setting('data_directory') END
  ) AS folder
FROM pg_database
LEFT JOIN pg_namespace ON pg_namespace.nspname = 'inventory'
LEFT JOIN pg_class ON pg_class.relnamespace = pg_namespace.oid AND pg_class.relname = 'stock'
WHERE pg_database.datname = current_database();
