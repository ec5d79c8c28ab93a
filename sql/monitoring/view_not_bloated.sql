-- stock_metrics_view takes no more than four times the room that its rows need.
--
-- Each refresh writes every row anew, since last_calculated_at differs: twice to three times the room is usual. What
-- rows need is estimated from the planner's statistics; NULL before the view was analysed.
--
-- Asset: inventory/stock_metrics_view
-- Locks: none.
-- Means: Old row versions are not cleared away between refreshes: every scan of the view reads them.

WITH widths AS (
  SELECT sum(columns.avg_width) AS bytes
  FROM pg_stats AS columns
  WHERE columns.schemaname = 'inventory' AND columns.tablename = 'stock_metrics_view'
),
sizes AS (
  SELECT
    pg_relation_size('inventory.stock_metrics_view') AS bytes,
    pg_indexes_size('inventory.stock_metrics_view') AS index_bytes,
    -- 23 bytes of header and 4 of line pointer for each row, padded.
    (SELECT (pg_class.reltuples * (32 + widths.bytes))::bigint FROM pg_class, widths
     WHERE pg_class.oid = 'inventory.stock_metrics_view'::regclass AND pg_class.reltuples > 0) AS bytes_needed
)
SELECT
  coalesce(sizes.bytes <= greatest(4 * sizes.bytes_needed, 2 * 1024 * 1024), true) AS passed,
  'WARN' AS severity,
  sizes.bytes,
  sizes.index_bytes,
  sizes.bytes_needed,
  (sizes.bytes::float8 / nullif(sizes.bytes_needed, 0))::float8 AS times_needed
FROM sizes;
