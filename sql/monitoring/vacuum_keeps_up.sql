-- Vacuum has come to stock and to the view within a day of being needed.
--
-- It is needed when dead rows exceed twice what sets autovacuum off by default.
--
-- Asset: inventory/stock
-- Locks: none.
-- Means: Autovacuum is off, blocked by an old transaction or too slow: the tables grow and scans slow down.

WITH tables AS (
  SELECT
    CASE known.relname WHEN 'stock_metrics_read_model' THEN 'stock_metrics_view' ELSE known.relname END AS name,
    known.n_live_tup AS live_rows,
    known.n_dead_tup AS dead_rows,
    greatest(known.last_vacuum, known.last_autovacuum) AS last_vacuum,
    known.n_dead_tup > 2 * (
      current_setting('autovacuum_vacuum_threshold')::float8
        + current_setting('autovacuum_vacuum_scale_factor')::float8 * known.n_live_tup
    )
    AND coalesce(
      greatest(known.last_vacuum, known.last_autovacuum),
      (SELECT database.stats_reset FROM pg_stat_database AS database WHERE database.datname = current_database()),
      pg_postmaster_start_time()
    ) < now() - interval '1 day' AS overdue
  FROM pg_stat_user_tables AS known
  WHERE (known.schemaname = 'inventory' AND known.relname IN ('stock', 'stock_metrics_view'))
    -- The rows of the view in incremental mode.
    OR (known.schemaname = 'inventory_ops' AND known.relname = 'stock_metrics_read_model')
)
SELECT
  count(*) FILTER (WHERE tables.overdue) = 0 AS passed,
  'WARN' AS severity,
  sum(tables.dead_rows) FILTER (WHERE tables.name = 'stock') AS stock_dead_rows,
  sum(tables.live_rows) FILTER (WHERE tables.name = 'stock') AS stock_live_rows,
  max(tables.last_vacuum) FILTER (WHERE tables.name = 'stock') AS stock_last_vacuum,
  sum(tables.dead_rows) FILTER (WHERE tables.name = 'stock_metrics_view') AS view_dead_rows,
  sum(tables.live_rows) FILTER (WHERE tables.name = 'stock_metrics_view') AS view_live_rows,
  max(tables.last_vacuum) FILTER (WHERE tables.name = 'stock_metrics_view') AS view_last_vacuum,
  array_agg(tables.name::text ORDER BY tables.name) FILTER (WHERE tables.overdue) AS examples
FROM tables;
