-- For each month of the log of reservations in the warehouse, how many events there are, and their sums.
--
-- Read by the warehouse's engine.
--
-- Locks: none in PostgreSQL.

SELECT
  substr(CAST(date_trunc('month', occurred_at) AS text), 1, 7) AS month,
  count(*) AS events,
  sum(event_id) AS event_ids,
  sum(transaction_id) AS transaction_ids,
  sum(epoch_us(occurred_at)) AS microseconds,
  coalesce(sum(reserved_quantity), 0) AS reserved_quantity,
  coalesce(sum(length(kind)), 0)
  + coalesce(sum(length(status)), 0)
  + coalesce(sum(length(reservation_reason)), 0) AS characters
FROM reservation_event
GROUP BY 1
ORDER BY 1;
