-- One batch of the baseline of reservations: what each row is that has no event since the triggers are there.
--
-- Locks: ROW EXCLUSIVE on the log; none on the shop's rows.
-- Again: adds nothing.

SELECT batch.looked_at, batch.written, batch.last_id
FROM inventory_ops.log_baseline_of_reservations(
  CAST(:begun_at AS timestamptz),
  CAST(:first_event AS bigint),
  CAST(:next_event AS bigint),
  CAST(:after_id AS uuid),
  CAST(:batch AS integer)
) AS batch;
