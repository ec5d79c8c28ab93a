-- For whom some sessions wait, and since when those are at it.
--
-- :pids are the processes of the sessions that wait.
--
-- Locks: none.

SELECT
  coalesce(blocking.pid, 0) AS pid,
  coalesce(blocking.usename, 'nobody') AS user_name,
  coalesce(nullif(blocking.application_name, ''), 'without a name') AS application,
  blocking.state,
  -- Seconds since its transaction began, or the session where it holds a lock beyond transactions.
  extract(epoch FROM clock_timestamp() - coalesce(blocking.xact_start, blocking.backend_start))::float8 AS seconds
FROM unnest(CAST(:pids AS integer[])) AS waiting (pid)
CROSS JOIN LATERAL unnest(pg_blocking_pids(waiting.pid)) AS blocker (pid)
-- A prepared transaction has no session: its process is 0.
LEFT JOIN pg_stat_activity AS blocking ON blocking.pid = blocker.pid
GROUP BY 1, 2, 3, 4, 5
ORDER BY 5 DESC;
