-- No stock row has more reserved than it has, or less than nothing.
--
-- Asset: inventory/stock
-- Locks: ACCESS SHARE on stock for the length of the query.
-- Means: Something was promised that is not there: somebody oversold, or the quantity was cut below it.

SELECT
  count(*) FILTER (WHERE stock.reserved_quantity NOT BETWEEN 0 AND stock.quantity) = 0 AS passed,
  count(*) FILTER (WHERE stock.reserved_quantity > 0) AS records_with_reservations,
  coalesce(sum(stock.reserved_quantity), 0) AS reserved_units,
  count(*) FILTER (WHERE stock.reserved_quantity > stock.quantity) AS more_than_there_is,
  count(*) FILTER (WHERE stock.reserved_quantity < 0) AS negative,
  (
    array_agg(stock.id::text ORDER BY stock.id)
    FILTER (WHERE stock.reserved_quantity NOT BETWEEN 0 AND stock.quantity)
  )[1:5] AS examples
FROM inventory.stock
WHERE stock.reserved_quantity <> 0;
