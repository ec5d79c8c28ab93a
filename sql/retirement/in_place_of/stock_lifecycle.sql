-- What a view reads in place of stock_lifecycle: its columns, as stock has them.
--
-- Three queries, the first that gives the same rows counts: every stock row had a row there, or those of which something
-- is known that it holds, or none. What stock does not hold, the row's own id and dates, is NULL.
--
-- Locks: ACCESS SHARE on stock for the length of the query.

SELECT
  NULL::uuid AS id,
  stock.id AS stock_id,
  stock.shelf_life_days,
  stock.listed_on_platforms,
  stock.status_history,
  NULL::timestamptz AS created_at,
  NULL::timestamptz AS updated_at
FROM inventory.stock;

SELECT
  NULL::uuid AS id,
  stock.id AS stock_id,
  stock.shelf_life_days,
  stock.listed_on_platforms,
  stock.status_history,
  NULL::timestamptz AS created_at,
  NULL::timestamptz AS updated_at
FROM inventory.stock
WHERE stock.listed_on_platforms IS NOT NULL OR stock.status_history IS NOT NULL;

SELECT
  NULL::uuid AS id,
  stock.id AS stock_id,
  stock.shelf_life_days,
  stock.listed_on_platforms,
  stock.status_history,
  NULL::timestamptz AS created_at,
  NULL::timestamptz AS updated_at
FROM inventory.stock
WHERE false;
