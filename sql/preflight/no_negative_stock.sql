-- No stock row has fewer than no units.
--
-- Effect: warns
-- Locks: ACCESS SHARE on stock for the length of the query.
-- Fix: Count the items listed and correct their quantity; the view shows them as they are.

SELECT
  count(*) = 0 AS passed,
  count(*) AS negative,
  (array_agg(format('stock %s: %s', stock.id, stock.quantity) ORDER BY stock.id))[1:20] AS examples
FROM inventory.stock
WHERE stock.quantity < 0;
