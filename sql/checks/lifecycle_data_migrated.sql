-- Each stock row holds the listings and the status history of its newest stock_lifecycle row.
--
-- Asset: inventory/stock
-- Locks: ACCESS SHARE on stock and stock_lifecycle for the length of the query.
-- Means: Listings or history would be lost with the old table: a migration fault or a bypassed trigger.

WITH newest AS (
  SELECT DISTINCT ON (lifecycle.stock_id)
    lifecycle.stock_id,
    lifecycle.listed_on_platforms,
    lifecycle.status_history
  FROM inventory.stock_lifecycle AS lifecycle
  ORDER BY lifecycle.stock_id, lifecycle.updated_at DESC, lifecycle.created_at DESC, lifecycle.id DESC
),
compared AS (
  SELECT
    newest.stock_id,
    stock.id IS NULL AS orphan,
    stock.id IS NULL
      OR (stock.listed_on_platforms, stock.status_history)
        IS DISTINCT FROM (newest.listed_on_platforms, newest.status_history) AS wrong
  FROM newest
  LEFT JOIN inventory.stock ON stock.id = newest.stock_id
)
SELECT
  count(*) FILTER (WHERE compared.wrong) = 0 AS passed,
  count(*) FILTER (WHERE NOT compared.wrong) AS migrated,
  count(*) FILTER (WHERE compared.wrong) AS not_migrated,
  count(*) FILTER (WHERE compared.orphan) AS orphans,
  (SELECT count(*) FROM inventory.stock_lifecycle) AS lifecycle_records,
  (SELECT count(*) FROM inventory.stock_lifecycle) - count(*) AS set_aside,
  (array_agg(compared.stock_id::text ORDER BY compared.stock_id) FILTER (WHERE compared.wrong))[1:5] AS examples
FROM compared;
