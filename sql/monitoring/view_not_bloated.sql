-- stock_metrics_view takes no more than four times the room that its rows need.
--
-- Each refresh writes every row anew, since last_calculated_at differs: twice to three times the room is usual. What
-- rows need is estimated from the planner's statistics; NULL before the view was analysed. A view of stock itself takes no
-- room.
--
-- Asset: inventory/stock_metrics_view
-- Locks: none.
-- Means: Old row versions are not cleared away between refreshes: every scan of the view reads them.

WITH kept AS (
  -- Where the rows are: in incremental mode, in the read model.
  SELECT pg_class.oid, pg_class.relnamespace::regnamespace::text AS schema, pg_class.relname, pg_class.reltuples
  FROM pg_class
  WHERE pg_class.oid = CASE
    WHEN (SELECT view.relkind FROM pg_class AS view WHERE view.oid = 'inventory.stock_metrics_view'::regclass) = 'v'
      THEN to_regclass('inventory_ops.stock_metrics_read_model')
    ELSE 'inventory.stock_metrics_view'::regclass
  END
),
widths AS (
  SELECT sum(columns.avg_width) AS bytes
  FROM pg_stats AS columns
  JOIN kept ON kept.schema = columns.schemaname AND kept.relname = columns.tablename
),
sizes AS (
  SELECT
    coalesce(pg_relation_size(kept.oid), 0) AS bytes,
    coalesce(pg_indexes_size(kept.oid), 0) AS index_bytes,
    -- 23 bytes of header and 4 of line pointer for each row, padded.
    CASE WHEN kept.reltuples > 0 THEN (kept.reltuples * (32 + widths.bytes))::bigint END AS bytes_needed
  FROM widths
  LEFT JOIN kept ON true
)
SELECT
  coalesce(sizes.bytes <= greatest(4 * sizes.bytes_needed, 2 * 1024 * 1024), true) AS passed,
  'WARN' AS severity,
  round(sizes.bytes / 1e6, 3)::float8 AS megabytes,
  round(sizes.index_bytes / 1e6, 3)::float8 AS index_megabytes,
  round(sizes.bytes_needed / 1e6, 3)::float8 AS megabytes_needed,
  round(sizes.bytes::numeric / nullif(sizes.bytes_needed, 0), 2)::float8 AS times_needed
FROM sizes;
