-- No transaction in this database is older than five seconds.
--
-- Effect: warns
-- Locks: none.
-- Fix: Wait for the sessions listed or end them: while they last, columns cannot be added nor indexes finished.

SELECT
  count(*) = 0 AS passed,
  count(*) AS older_than_5_seconds,
  (
    array_agg(
      format('server process %s (%s, %s): %s since %s', activity.pid, activity.usename, activity.application_name,
        activity.state, date_trunc('second', activity.xact_start))
      ORDER BY activity.xact_start
    )
  )[1:20] AS examples
FROM pg_stat_activity AS activity
WHERE activity.datname = current_database()
  AND activity.pid <> pg_backend_pid()
  AND activity.xact_start < clock_timestamp() - interval '5 seconds';
