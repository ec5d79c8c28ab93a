-- Rows of stock, what its new columns hold, and its size on disk.
--
-- Locks: ACCESS SHARE on stock for the length of one scan.

SELECT
  count(*) AS rows,
  count(stock.listed_on_platforms) AS rows_with_listings,
  count(stock.status_history) AS rows_with_history,
  count(*) FILTER (WHERE stock.reserved_quantity > 0) AS rows_reserved,
  pg_total_relation_size('inventory.stock') AS bytes
FROM inventory.stock;
