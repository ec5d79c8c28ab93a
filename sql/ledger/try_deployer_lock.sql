-- Become the only deployer, or learn who is.
--
-- Locks: an advisory lock, until sql/ledger/release_deployer_lock.sql or the end of the session.

WITH lock AS (
  SELECT hashtextextended('soleflip deployment', 0) AS key
)
SELECT
  pg_try_advisory_lock(lock.key) AS acquired,
  holder.usename AS holder_user,
  holder.application_name AS holder_application,
  holder.pid AS holder_pid,
  holder.backend_start AS holder_since
FROM lock
LEFT JOIN pg_locks AS held
  ON held.locktype = 'advisory'
  AND held.granted
  AND held.objsubid = 1
  AND held.database = (SELECT pg_database.oid FROM pg_database WHERE pg_database.datname = current_database())
  AND ((held.classid::bigint << 32) | held.objid::bigint) = lock.key
LEFT JOIN pg_stat_activity AS holder ON holder.pid = held.pid;
