-- For whom some sessions wait, for a lock of what, since when those are at it, and with which statement.
--
-- :pids are the processes of the sessions that wait. A statement is shown as far as it says what it is: values in it
-- may be a customer's.
--
-- Locks: none.

SELECT
  coalesce(blocking.pid, 0) AS pid,
  coalesce(blocking.usename, 'nobody') AS user_name,
  coalesce(nullif(blocking.application_name, ''), 'without a name') AS application,
  blocking.state,
  -- Seconds since its transaction began, or the session where it holds a lock beyond transactions.
  extract(epoch FROM clock_timestamp() - coalesce(blocking.xact_start, blocking.backend_start))::float8 AS seconds,
  left(regexp_replace(regexp_replace(blocking.query, $$'[^']*'?$$, '…', 'g'), '\s+', ' ', 'g'), 60) AS query,
  -- Who waits for a row waits for the transaction that has it, and holds the place in the queue of the row meanwhile.
  (
    SELECT wanted.relation::regclass::text
    FROM pg_locks AS wanted
    WHERE wanted.pid = waiting.pid
      AND wanted.relation IS NOT NULL
      -- Of another database nobody here knows the name; 0 is what all have in common.
      AND wanted.database IN (0, (SELECT pg_database.oid FROM pg_database WHERE pg_database.datname = current_database()))
      AND (NOT wanted.granted OR wanted.locktype = 'tuple')
    ORDER BY wanted.granted
    LIMIT 1
  ) AS relation
FROM unnest(CAST(:pids AS integer[])) AS waiting (pid)
CROSS JOIN LATERAL unnest(pg_blocking_pids(waiting.pid)) AS blocker (pid)
-- A prepared transaction has no session: its process is 0.
LEFT JOIN pg_stat_activity AS blocking ON blocking.pid = blocker.pid
ORDER BY 5 DESC;
