-- Who is connected to a database, ourselves and the server's own cleaning apart: that gives way by itself.
--
-- Locks: none.

SELECT
  activity.pid,
  coalesce(activity.usename::text, activity.backend_type) AS user_name,
  CASE
    WHEN activity.backend_type LIKE 'logical replication%'
    THEN 'a subscription''s, stop it with ALTER SUBSCRIPTION … DISABLE'
    ELSE activity.application_name
  END AS application,
  coalesce(host(activity.client_addr), 'local') AS client
FROM pg_stat_activity AS activity
WHERE activity.datname = :database
  AND activity.pid <> pg_backend_pid()
  AND activity.backend_type IS DISTINCT FROM 'autovacuum worker'
ORDER BY activity.pid;
