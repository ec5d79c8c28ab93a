-- The stock rows whose reserved quantity is not the sum of their active reservations; none where the ledger is not used.
--
-- In the form of differing.sql. What can be cured is held: it is more than now, and there is as much.
--
-- :ids are the stock rows to look at; NULL means all. As sql/monitoring/reservations_match_ledger compares them.
--
-- Locks: ACCESS SHARE on stock and stock_reservation for the length of the query.

SELECT
  stock.id::text AS stock_id,
  'stock_reservation' AS place,
  'reserved_quantity' AS fact,
  coalesce(stock.reserved_quantity, 0)::text AS in_stock,
  coalesce(active.units, 0)::text AS elsewhere,
  coalesce(active.units > coalesce(stock.reserved_quantity, 0) AND active.units <= stock.quantity, false) AS curable
FROM inventory.stock
LEFT JOIN (
  SELECT reservation.stock_id, sum(reservation.reserved_quantity) AS units
  FROM inventory.stock_reservation AS reservation
  WHERE reservation.status = 'active'
  GROUP BY reservation.stock_id
) AS active ON active.stock_id = stock.id
WHERE (CAST(:ids AS uuid[]) IS NULL OR stock.id = ANY (CAST(:ids AS uuid[])))
  AND greatest(coalesce(stock.reserved_quantity, 0), 0) <> coalesce(active.units, 0)
  AND EXISTS (SELECT FROM inventory.stock_reservation)
ORDER BY stock.id;
