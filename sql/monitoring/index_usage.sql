-- What each index of stock and of the view costs and gives, from statistics that cover a week at least.
--
-- The seed's query, on the columns that pg_stat_user_indexes has: the table's name is relname there. A "too early"
-- index has not been scanned since a moment less than a week ago; last_scan is NULL before PostgreSQL 16.
--
-- Asset: inventory/stock
-- Locks: none.
-- Means: The statistics were reset within the week, or an index is invalid: the figures say less than they seem to.

WITH since AS (
  SELECT
    database.stats_reset,
    coalesce(database.stats_reset, pg_postmaster_start_time()) > now() - interval '7 days' AS too_early,
    coalesce(database.stats_reset > now() - interval '7 days', false) AS was_reset
  FROM pg_stat_database AS database
  WHERE database.datname = current_database()
),
usage AS (
  SELECT
    used.indexrelname AS name,
    used.relname AS relation,
    pg_relation_size(used.indexrelid) AS bytes,
    used.idx_scan AS scans,
    used.idx_tup_read AS tuples_read,
    used.idx_tup_fetch AS tuples_fetched,
    -- A column that PostgreSQL 15 does not have.
    to_char(
      (to_jsonb(used) ->> 'last_idx_scan')::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'
    ) AS last_scan,
    CASE
      WHEN NOT pg_index.indisvalid THEN 'invalid: rebuild it'
      WHEN used.idx_scan > 0 THEN 'used'
      WHEN pg_index.indisunique THEN 'unused, but keeps values unique'
      WHEN since.too_early THEN 'too early to say'
      ELSE 'unused: every write pays for it'
    END AS verdict,
    pg_index.indisvalid AS valid
  FROM pg_stat_user_indexes AS used
  JOIN pg_index ON pg_index.indexrelid = used.indexrelid
  CROSS JOIN since
  WHERE (used.schemaname = 'inventory' AND used.relname IN ('stock', 'stock_metrics_view'))
    -- The rows of the view in incremental mode.
    OR (used.schemaname = 'inventory_ops' AND used.relname = 'stock_metrics_read_model')
),
updates AS (
  SELECT
    tables.n_tup_upd AS updates,
    round(100.0 * tables.n_tup_hot_upd / nullif(tables.n_tup_upd, 0), 1) AS hot_percent
  FROM pg_stat_user_tables AS tables
  WHERE tables.schemaname = 'inventory' AND tables.relname = 'stock'
)
SELECT
  NOT since.was_reset AND totals.invalid = 0 AS passed,
  'WARN' AS severity,
  since.stats_reset,
  totals.indexes,
  totals.megabytes,
  totals.unused,
  totals.invalid,
  updates.updates AS stock_updates,
  updates.hot_percent::float8 AS stock_hot_updates_percent,
  totals.scans,
  totals.usage
FROM since
CROSS JOIN updates
CROSS JOIN (
  SELECT
    count(*) AS indexes,
    round(sum(usage.bytes) / 1e6, 3)::float8 AS megabytes,
    count(*) FILTER (WHERE usage.verdict LIKE 'unused:%') AS unused,
    count(*) FILTER (WHERE NOT usage.valid) AS invalid,
    jsonb_object_agg(usage.name, usage.scans) AS scans,
    json_agg(
      json_build_object(
        'index', usage.name,
        'table', usage.relation,
        'scans', usage.scans,
        'tuples read', usage.tuples_read,
        'tuples fetched', usage.tuples_fetched,
        'last scan', usage.last_scan,
        'MB', round(usage.bytes / 1e6, 3),
        'verdict', usage.verdict
      )
      ORDER BY usage.scans DESC, usage.name
    ) AS usage
  FROM usage
) AS totals;
