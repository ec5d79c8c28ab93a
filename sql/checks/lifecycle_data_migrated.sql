-- Each stock row holds the listings and the status history of its newest stock_lifecycle row.
--
-- Asset: inventory/stock
-- Locks: ACCESS SHARE on stock and stock_lifecycle for the length of the query.
-- Means: Listings or history would be lost with the old table: a migration fault or a bypassed trigger.
-- Until: drop_legacy_tables
--
-- All rows are compared first, and only those that differ are asked whether they are the newest: sorting all of
-- them to find the newest took three times as long. What is the same byte for byte is equal; only what is not has its
-- JSON compared, since 1.0 equals 1.00.

WITH differing AS MATERIALIZED (
  SELECT
    lifecycle.id,
    lifecycle.stock_id,
    lifecycle.updated_at,
    lifecycle.created_at,
    stock.id IS NULL AS orphan
  FROM inventory.stock_lifecycle AS lifecycle
  LEFT JOIN inventory.stock ON stock.id = lifecycle.stock_id
  WHERE stock.id IS NULL
    OR (
      record_image_ne(
        ROW(stock.listed_on_platforms, stock.status_history),
        ROW(lifecycle.listed_on_platforms, lifecycle.status_history)
      )
      AND (stock.listed_on_platforms, stock.status_history)
        IS DISTINCT FROM (lifecycle.listed_on_platforms, lifecycle.status_history)
    )
),
wrong AS (
  SELECT differing.stock_id, differing.orphan
  FROM differing
  WHERE NOT EXISTS (
    SELECT
    FROM inventory.stock_lifecycle AS newer
    WHERE newer.stock_id = differing.stock_id
      AND (newer.updated_at, newer.created_at, newer.id)
        > (differing.updated_at, differing.created_at, differing.id)
    -- Asked of one row after the other, by index: the planner takes the few that differ for all of them.
    OFFSET 0
  )
),
found AS (
  SELECT
    count(*) AS wrong,
    count(*) FILTER (WHERE wrong.orphan) AS orphans,
    (array_agg(wrong.stock_id::text ORDER BY wrong.stock_id))[1:5] AS examples
  FROM wrong
),
total AS (
  SELECT count(*) AS records, count(DISTINCT lifecycle.stock_id) AS stock_rows
  FROM inventory.stock_lifecycle AS lifecycle
)
SELECT
  found.wrong = 0 AS passed,
  total.stock_rows - found.wrong AS migrated,
  found.wrong AS not_migrated,
  found.orphans,
  total.records AS lifecycle_records,
  total.records - total.stock_rows AS set_aside,
  found.examples
FROM found
CROSS JOIN total;
