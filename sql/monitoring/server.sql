-- What server this is, and whether it holds SoleFlip's inventory.
--
-- Locks: none.

SELECT
  current_setting('server_version_num')::integer / 10000 AS major_version,
  current_setting('server_version') AS version,
  current_database() AS database,
  -- With its name, which database of which server it is.
  pg_postmaster_start_time() AS server_started_at,
  to_regclass('inventory.stock') IS NOT NULL AS has_stock;
