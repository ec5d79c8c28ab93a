-- Holds, of some stock rows, what their active reservations say, where that is more than is held and there is as much.
--
-- :ids are the rows, which are locked. Never less: a unit that is held may have been promised to somebody.
--
-- Locks: FOR NO KEY UPDATE on those rows of stock until the end of the transaction.

UPDATE inventory.stock
SET reserved_quantity = active.units
FROM (
  SELECT reservation.stock_id, sum(reservation.reserved_quantity) AS units
  FROM inventory.stock_reservation AS reservation
  WHERE reservation.status = 'active' AND reservation.stock_id = ANY (CAST(:ids AS uuid[]))
  GROUP BY reservation.stock_id
) AS active
WHERE stock.id = active.stock_id
  AND coalesce(stock.reserved_quantity, 0) < active.units
  AND stock.quantity >= active.units;
