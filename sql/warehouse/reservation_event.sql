-- The events of reservations that one snapshot sees and an earlier one did not, within a stretch of time.
--
-- :last is the earlier snapshot, or 1:1: for none. :seen is the later one. :from and :until bound the time.
--
-- Locks: ACCESS SHARE on the log, for the length of the query.

SELECT
  event_id,
  occurred_at,
  transaction_id,
  kind,
  reservation_id,
  stock_id,
  array_to_string(changed, ',') AS changed,
  reserved_quantity,
  status,
  reserved_until,
  reservation_reason,
  created_at,
  updated_at
FROM (
  SELECT
    event_id,
    occurred_at,
    transaction_id,
    kind,
    reservation_id,
    stock_id,
    changed,
    reserved_quantity,
    status,
    reserved_until,
    reservation_reason,
    created_at,
    updated_at
  FROM inventory_ops.reservation_event
  UNION ALL
  SELECT
    event_id,
    occurred_at,
    transaction_id,
    kind,
    reservation_id,
    stock_id,
    changed,
    reserved_quantity,
    status,
    reserved_until,
    reservation_reason,
    created_at,
    updated_at
  FROM inventory_ops.reservation_event_overflow
) AS log
WHERE
  occurred_at >= CAST(:from AS timestamptz)
  AND occurred_at < CAST(:until AS timestamptz)
  AND transaction_id >= pg_snapshot_xmin(CAST(:last AS pg_snapshot))
  AND NOT pg_visible_in_snapshot(transaction_id, CAST(:last AS pg_snapshot))
  AND pg_visible_in_snapshot(transaction_id, CAST(:seen AS pg_snapshot));
