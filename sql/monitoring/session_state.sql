-- Whether the server still works on the statement of a session, or is done with it.
--
-- :pid is the session's process. No row where nobody knows it: it ended, or a pooler gave it that number.
--
-- Locks: none.

SELECT CASE WHEN activity.state IN ('idle', 'idle in transaction') THEN 'done' ELSE 'working' END AS state
FROM pg_stat_activity AS activity
WHERE activity.pid = :pid AND activity.usename = session_user;
