-- The disks hold what the deployment writes, as far as it can be known.
--
-- :server_free and :dumps_free are bytes, :server_free NULL where the server's disk cannot be seen from here. stock
-- needs its own size again for the new row versions and the indexes, and half of it for the view; a backup needs
-- as much as its source; a dump is smaller than the database. Needed is what is still to be written.
--
-- Effect: stops
-- Locks: none.
-- Fix: Free or add disk space; a deployment that meets a full disk fails cleanly and can be run again.

WITH needed AS (
  SELECT
    CASE WHEN :backfilled THEN 0 ELSE
      (pg_total_relation_size(to_regclass('inventory.stock')) * 1.5)::bigint
        + coalesce(pg_total_relation_size(to_regclass('inventory.stock_financial')), 0)
        + coalesce(pg_total_relation_size(to_regclass('inventory.stock_lifecycle')), 0)
        + coalesce(pg_total_relation_size(to_regclass('inventory.stock_metrics')), 0)
    END AS server_bytes,
    CASE WHEN :dumped THEN 0 ELSE pg_database_size(current_database()) END AS dumps_bytes
)
SELECT
  coalesce(needed.server_bytes <= CAST(:server_free AS bigint), true)
    AND needed.dumps_bytes <= CAST(:dumps_free AS bigint) AS passed,
  round(needed.server_bytes / 1e6, 1)::float8 AS server_megabytes_needed,
  coalesce(
    round(CAST(:server_free AS bigint) / 1e6, 1)::text, 'not known: the server''s disk cannot be seen from here'
  ) AS server_megabytes_free,
  round(needed.dumps_bytes / 1e6, 1)::float8 AS dumps_megabytes_needed,
  round(CAST(:dumps_free AS bigint) / 1e6, 1)::float8 AS dumps_megabytes_free
FROM needed;
