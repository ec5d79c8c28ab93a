-- Who is connected to a database, ourselves apart.
--
-- Locks: none.

SELECT
  activity.pid,
  activity.usename AS user_name,
  activity.application_name AS application,
  coalesce(host(activity.client_addr), 'local') AS client
FROM pg_stat_activity AS activity
WHERE activity.datname = :database AND activity.pid <> pg_backend_pid()
ORDER BY activity.pid;
