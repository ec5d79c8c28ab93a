-- Lets pg_cron refresh the metrics of another database than its own every hour; a job of that name is replaced.
--
-- Locks: none that anyone could wait for.

SELECT cron.schedule_in_database(:name, :schedule, 'SELECT inventory.refresh_stock_metrics()', :database) AS id;
