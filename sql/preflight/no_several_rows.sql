-- Each stock row has one lifecycle and one financial row at most.
--
-- Effect: repaired
-- Locks: ACCESS SHARE on stock_financial and stock_lifecycle for the length of the query.
-- Fix: Of each fact the newest row that states it is taken (by updated_at, created_at, id; rows without a date come last).
-- Until: drop_legacy_tables

WITH legacy AS (
  SELECT 'stock_financial' AS name, financial.id, financial.stock_id, financial.updated_at, financial.created_at
  FROM inventory.stock_financial AS financial
  UNION ALL
  SELECT 'stock_lifecycle', lifecycle.id, lifecycle.stock_id, lifecycle.updated_at, lifecycle.created_at
  FROM inventory.stock_lifecycle AS lifecycle
),
several AS (
  SELECT
    legacy.name,
    legacy.stock_id,
    array_agg(legacy.id::text ORDER BY legacy.updated_at DESC NULLS LAST, legacy.created_at DESC NULLS LAST, legacy.id DESC) AS ids
  FROM legacy
  GROUP BY legacy.name, legacy.stock_id
  HAVING count(*) > 1
)
SELECT
  count(*) = 0 AS passed,
  count(*) AS stock_rows,
  coalesce(sum(cardinality(several.ids) - 1) FILTER (WHERE several.name = 'stock_financial'), 0)
    AS stock_financial_set_aside,
  coalesce(sum(cardinality(several.ids) - 1) FILTER (WHERE several.name = 'stock_lifecycle'), 0)
    AS stock_lifecycle_set_aside,
  (
    array_agg(
      format('%s of %s: takes %s, sets aside %s',
        several.name, several.stock_id, several.ids[1], array_to_string(several.ids[2:], ', '))
      ORDER BY several.name, several.stock_id
    )
  )[1:20] AS examples
FROM several;
