-- The ten statements on the inventory schema that took most time, by pg_stat_statements.
--
-- Locks: none.

SELECT
  left(regexp_replace(statements.query, '\s+', ' ', 'g'), 120) AS statement,
  statements.calls,
  round(statements.total_exec_time::numeric, 1) AS total_ms,
  round(statements.mean_exec_time::numeric, 3) AS mean_ms,
  statements.rows
FROM pg_stat_statements AS statements
WHERE statements.query LIKE '%inventory.%'
  AND statements.dbid = (SELECT pg_database.oid FROM pg_database WHERE pg_database.datname = current_database())
ORDER BY statements.total_exec_time DESC
LIMIT 10;
