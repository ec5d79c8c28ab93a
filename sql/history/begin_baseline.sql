-- Sets numbers apart for the baseline, which come before those of every event that triggers write from now on.
--
-- A million lower than the next number is left out: writers may take some between the two steps.
--
-- Locks: none that anyone could wait for.

WITH taken AS (
  SELECT nextval('inventory_ops.event_id') + 1000000 AS first_event
)
SELECT
  taken.first_event,
  clock_timestamp() AS begun_at,
  setval('inventory_ops.event_id', taken.first_event + 2000000000) AS last_event
FROM taken;
