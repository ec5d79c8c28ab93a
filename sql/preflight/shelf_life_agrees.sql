-- The newest stock_lifecycle row of each stock row has the shelf life that stock has, where both have one.
--
-- Effect: warns
-- Locks: ACCESS SHARE on stock and stock_lifecycle for the length of the query.
-- Fix: stock keeps its own figure, unless told `--prefer legacy`, and both then say the same; the backup keeps the other.
-- Until: drop_legacy_tables

WITH newest AS (
  SELECT DISTINCT ON (lifecycle.stock_id)
    lifecycle.stock_id,
    lifecycle.shelf_life_days
  FROM inventory.stock_lifecycle AS lifecycle
  ORDER BY lifecycle.stock_id, lifecycle.updated_at DESC NULLS LAST, lifecycle.created_at DESC NULLS LAST, lifecycle.id DESC
)
SELECT
  count(*) = 0 AS passed,
  count(*) AS differing,
  (
    array_agg(
      format('stock %s: %s days, stock_lifecycle %s', stock.id, stock.shelf_life_days, newest.shelf_life_days)
      ORDER BY stock.id
    )
  )[1:20] AS examples
FROM newest
JOIN inventory.stock ON stock.id = newest.stock_id
WHERE newest.shelf_life_days <> stock.shelf_life_days;
