-- How many active reservations are past their time.
--
-- Locks: ACCESS SHARE on stock_reservation.

SELECT count(*) AS reservations
FROM inventory.stock_reservation
WHERE status = 'active' AND reserved_until <= now();
