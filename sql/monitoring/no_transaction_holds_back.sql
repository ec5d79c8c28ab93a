-- No transaction, prepared ones included, is older than :old_seconds.
--
-- Those that have written nothing and see nothing old do not count. Each is named with the statement that ends it.
--
-- Asset: inventory/stock
-- Locks: none.
-- Means: What was written since it began counts as pending, however wrong it is, and deployments wait for it.

WITH open AS (
  SELECT
    activity.xact_start AS since,
    format(
      'session %s (%s, %s, %s) since %s: SELECT pg_terminate_backend(%s)',
      activity.pid,
      activity.usename,
      coalesce(nullif(activity.application_name, ''), 'without a name'),
      activity.state,
      date_trunc('second', activity.xact_start),
      activity.pid
    ) AS description
  FROM pg_stat_activity AS activity
  WHERE activity.datname = current_database()
    AND activity.pid <> pg_backend_pid()
    AND activity.backend_type = 'client backend'
    -- One that has written nothing and sees nothing old holds nothing back.
    AND (activity.backend_xid IS NOT NULL OR activity.backend_xmin IS NOT NULL)
  UNION ALL
  SELECT
    prepared.prepared AS since,
    format(
      'prepared transaction of %s in database %s since %s: ROLLBACK PREPARED %L (or COMMIT PREPARED)',
      prepared.owner,
      prepared.database,
      date_trunc('second', prepared.prepared),
      prepared.gid
    ) AS description
  FROM pg_prepared_xacts AS prepared
  WHERE prepared.database = current_database()
)
SELECT
  count(*) = 0 AS passed,
  'ERROR' AS severity,
  count(*) AS old_transactions,
  extract(epoch FROM clock_timestamp() - min(open.since))::float8 AS oldest_seconds,
  (array_agg(open.description ORDER BY open.since))[1:20] AS examples
FROM open
WHERE open.since < clock_timestamp() - make_interval(secs => CAST(:old_seconds AS float8));
