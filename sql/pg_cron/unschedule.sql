-- Ends the jobs that refresh the metrics of a database, also those that somebody paused.
--
-- Locks: none that anyone could wait for.

SELECT job.jobname AS name, cron.unschedule(job.jobid) AS ended
FROM cron.job AS job
WHERE job.database = :database AND strpos(job.command, 'inventory.refresh_stock_metrics') > 0;
