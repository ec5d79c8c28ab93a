-- The baseline of reservations: where there are events from before, all rows have gone; then what each row is.
--
-- In a transaction with the snapshot of sql/history/begin_baseline.sql.
--
-- Locks: ROW EXCLUSIVE on the log; ACCESS SHARE on the shop's table for the length of the copy.

WITH closed AS (
  INSERT INTO inventory_ops.reservation_event (event_id, occurred_at, transaction_id, kind)
  SELECT CAST(:first_event AS bigint), CAST(:begun_at AS timestamptz), pg_current_xact_id(), 'truncate'
  WHERE EXISTS (SELECT FROM inventory_ops.reservation_event)
  RETURNING event_id
)
SELECT
  inventory_ops.log_baseline_of_reservations(CAST(:begun_at AS timestamptz), CAST(:first_event AS bigint)) AS written,
  (SELECT count(*) FROM closed) AS closed;
