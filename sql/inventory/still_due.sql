-- How many active reservations are past their time, and when the last of them ended.
--
-- Locks: ACCESS SHARE on stock_reservation.

SELECT count(*) AS reservations, max(reserved_until) AS newest
FROM inventory.stock_reservation
WHERE status = 'active' AND reserved_until <= now();
