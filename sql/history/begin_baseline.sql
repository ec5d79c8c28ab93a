-- The moment from which on a log is kept, with a thousand million numbers set apart for its baseline.
--
-- In the transaction that has made the triggers, or has locked their table: nobody is writing to it, each event before
-- has a lower number, each one after a higher. The snapshot is for the transaction that writes the baseline.
--
-- Locks: none of its own.

WITH taken AS (
  SELECT nextval('inventory_ops.event_id') AS first_event
)
SELECT
  taken.first_event,
  clock_timestamp() AS begun_at,
  pg_export_snapshot() AS snapshot,
  setval('inventory_ops.event_id', taken.first_event + 1000000000) AS last_event
FROM taken;
