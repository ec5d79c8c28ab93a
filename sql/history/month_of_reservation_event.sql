-- What one month of the log holds; :partition is the name of its table, :begin and :end its bounds.
--
-- Locks: ACCESS SHARE on the month, for the length of the count.

SELECT
  to_regclass(:partition) IS NOT NULL AS is_there,
  count(*) AS rows,
  min(event.occurred_at) AS first_event,
  max(event.occurred_at) AS last_event,
  coalesce(pg_total_relation_size(to_regclass(:partition)), 0) AS bytes
FROM inventory_ops.reservation_event AS event
WHERE event.occurred_at >= CAST(:begin AS timestamptz) AND event.occurred_at < CAST(:end AS timestamptz);
