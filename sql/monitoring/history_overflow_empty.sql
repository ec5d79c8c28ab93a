-- No event of the log waits for a month to be made.
--
-- Asset: history/stock_event
-- Locks: ACCESS SHARE on the two overflows for the length of the count.
-- Means: A month was missing when somebody wrote, or the server's clock stood wrong; the events are kept, and move into
--        their month once that is made.

WITH waiting AS (
  SELECT overflow.occurred_at FROM inventory_ops.stock_event_overflow AS overflow
  UNION ALL
  SELECT overflow.occurred_at FROM inventory_ops.reservation_event_overflow AS overflow
)
SELECT
  count(*) = 0 AS passed,
  'WARN' AS severity,
  count(*) AS events,
  min(waiting.occurred_at) AS first_event,
  max(waiting.occurred_at) AS last_event
FROM waiting;
