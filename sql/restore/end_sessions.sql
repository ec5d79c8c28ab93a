-- End the sessions on a database of a restore's own: a pooler keeps ours open there after we have left.
--
-- Locks: none.

SELECT count(pg_terminate_backend(activity.pid, 5000)) AS ended
FROM pg_stat_activity AS activity
WHERE activity.datname = :database
  AND activity.backend_type = 'client backend';
