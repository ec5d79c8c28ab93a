-- Each stock row says the same as its stock_lifecycle row that counts, and has one if it has listings or a history.
--
-- Asset: inventory/stock
-- Locks: ACCESS SHARE on stock and stock_lifecycle for the length of the query.
-- Means: Listings, history or shelf life would be lost with the old table, or an old version reads wrong ones.
-- Until: drop_legacy_tables
--
-- All rows are compared first, and only those that differ are asked whether they count: sorting all of them to find the
-- newest took three times as long. What is the same byte for byte is equal; only what is not has its JSON compared,
-- since 1.0 equals 1.00.

WITH differing AS MATERIALIZED (
  SELECT
    coalesce(stock.id, lifecycle.stock_id) AS stock_id,
    lifecycle.id,
    stock.id IS NULL AS orphan
  FROM inventory.stock
  FULL JOIN inventory.stock_lifecycle AS lifecycle ON lifecycle.stock_id = stock.id
  WHERE stock.id IS NULL
    OR (lifecycle.id IS NULL AND (stock.listed_on_platforms IS NOT NULL OR stock.status_history IS NOT NULL))
    OR (
      lifecycle.id IS NOT NULL
      AND record_image_ne(
        ROW(stock.shelf_life_days, stock.listed_on_platforms, stock.status_history),
        ROW(lifecycle.shelf_life_days, lifecycle.listed_on_platforms, lifecycle.status_history)
      )
      AND (stock.shelf_life_days, stock.listed_on_platforms, stock.status_history)
        IS DISTINCT FROM (lifecycle.shelf_life_days, lifecycle.listed_on_platforms, lifecycle.status_history)
    )
),
wrong AS (
  SELECT differing.stock_id, differing.orphan, differing.id IS NULL AS missing
  FROM differing
  WHERE differing.id IS NOT DISTINCT FROM (
    SELECT lifecycle.id
    FROM inventory.stock_lifecycle AS lifecycle
    WHERE lifecycle.stock_id = differing.stock_id
    ORDER BY lifecycle.updated_at DESC NULLS LAST, lifecycle.created_at DESC NULLS LAST, lifecycle.id DESC
    LIMIT 1
  )
),
found AS (
  SELECT
    count(*) AS wrong,
    count(*) FILTER (WHERE wrong.orphan) AS orphans,
    count(*) FILTER (WHERE wrong.missing) AS missing,
    (array_agg(wrong.stock_id::text ORDER BY wrong.stock_id))[1:5] AS examples
  FROM wrong
),
total AS (
  SELECT count(*) AS records, count(DISTINCT lifecycle.stock_id) AS stock_rows
  FROM inventory.stock_lifecycle AS lifecycle
)
SELECT
  found.wrong = 0 AS passed,
  total.stock_rows - (found.wrong - found.missing) AS migrated,
  found.wrong AS not_migrated,
  found.orphans,
  found.missing AS without_legacy_row,
  total.records AS lifecycle_records,
  total.records - total.stock_rows AS set_aside,
  found.examples
FROM found
CROSS JOIN total;
