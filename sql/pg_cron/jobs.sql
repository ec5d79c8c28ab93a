-- The active jobs that refresh the metrics of a database, with how the last run of each ended.
--
-- pg_cron shows a user its own jobs only; a superuser sees all.
--
-- Locks: ACCESS SHARE on pg_cron's tables.

SELECT
  job.jobid AS id,
  job.jobname AS name,
  job.schedule,
  last.status,
  last.return_message AS message,
  last.start_time AS started_at
FROM cron.job AS job
LEFT JOIN LATERAL (
  SELECT details.status, details.return_message, details.start_time
  FROM cron.job_run_details AS details
  WHERE details.jobid = job.jobid AND details.status IN ('succeeded', 'failed')
  ORDER BY details.runid DESC
  LIMIT 1
) AS last ON true
WHERE job.active
  AND job.database = :database
  AND strpos(job.command, 'inventory.refresh_stock_metrics') > 0
ORDER BY job.jobid;
