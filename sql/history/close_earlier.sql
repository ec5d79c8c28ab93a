-- Where the log was kept before and was interrupted: all rows have gone as far as it knows; the baseline follows.
--
-- Locks: ROW EXCLUSIVE on the two logs, for an instant.
-- Again: adds nothing; :first_event is its number.

WITH stock AS (
  INSERT INTO inventory_ops.stock_event (event_id, occurred_at, transaction_id, kind)
  SELECT CAST(:first_event AS bigint), CAST(:begun_at AS timestamptz), pg_current_xact_id(), 'truncate'
  WHERE EXISTS (SELECT FROM inventory_ops.stock_event)
    AND NOT EXISTS (
      SELECT FROM inventory_ops.stock_event AS known WHERE known.event_id = CAST(:first_event AS bigint)
    )
  RETURNING event_id
)
INSERT INTO inventory_ops.reservation_event (event_id, occurred_at, transaction_id, kind)
SELECT CAST(:first_event AS bigint), CAST(:begun_at AS timestamptz), pg_current_xact_id(), 'truncate'
WHERE EXISTS (SELECT FROM inventory_ops.reservation_event)
  AND NOT EXISTS (
    SELECT FROM inventory_ops.reservation_event AS known WHERE known.event_id = CAST(:first_event AS bigint)
  )
RETURNING event_id;
