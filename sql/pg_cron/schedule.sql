-- Lets pg_cron refresh the metrics of this database every hour; a job of that name is replaced.
--
-- Locks: none that anyone could wait for.

SELECT cron.schedule(:name, :schedule, 'SELECT inventory.refresh_stock_metrics()') AS id;
