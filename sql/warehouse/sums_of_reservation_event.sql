-- For each month of the log of reservations, how many events a snapshot sees, and what they sum up to.
--
-- :seen is the snapshot.
--
-- Locks: ACCESS SHARE on the log, for the length of one scan.

SELECT
  to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM') AS month,
  count(*) AS events,
  sum(event_id) AS event_ids,
  sum(CAST(CAST(transaction_id AS text) AS numeric)) AS transaction_ids,
  sum(CAST(extract(EPOCH FROM occurred_at) * 1000000 AS bigint)) AS microseconds,
  coalesce(sum(reserved_quantity), 0) AS reserved_quantity,
  coalesce(sum(length(kind)), 0)
  + coalesce(sum(length(status)), 0)
  + coalesce(sum(length(reservation_reason)), 0) AS characters
FROM (
  SELECT
    event_id,
    occurred_at,
    transaction_id,
    kind,
    reserved_quantity,
    status,
    reservation_reason
  FROM inventory_ops.reservation_event
  UNION ALL
  SELECT
    event_id,
    occurred_at,
    transaction_id,
    kind,
    reserved_quantity,
    status,
    reservation_reason
  FROM inventory_ops.reservation_event_overflow
) AS log
WHERE pg_visible_in_snapshot(transaction_id, CAST(:seen AS pg_snapshot))
GROUP BY 1
ORDER BY 1;
