-- Whether this database keeps pg_cron's jobs.
--
-- Locks: none.

SELECT to_regclass('cron.job') IS NOT NULL AS jobs_here;
