-- Each sale is paid, waits, or nobody knows.
--
-- Locks: none; it reads the warehouse.

SELECT
  'sales' AS what,
  coalesce(sum(payouts.paid + payouts.waiting + payouts.not_recorded), 0) AS found,
  (SELECT count(sold_item.order_id) FROM sold_item) AS expected
FROM payouts;
