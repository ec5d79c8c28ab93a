-- Versions of a stock row that begin before the version that was written before them, and events that are there twice.
--
-- Read by the warehouse's engine. A version lasts until the next one of its row begins. Within one transaction a trigger
-- that writes a row again does so a moment before what set it off is logged: those are in the order of their numbers.
--
-- Locks: none in PostgreSQL.

SELECT event_id, stock_id
FROM (
  SELECT
    event_id,
    stock_id,
    occurred_at,
    transaction_id,
    lag(event_id) OVER (PARTITION BY stock_id ORDER BY event_id, occurred_at) AS event_before,
    lag(occurred_at) OVER (PARTITION BY stock_id ORDER BY event_id, occurred_at) AS began_before,
    lag(transaction_id) OVER (PARTITION BY stock_id ORDER BY event_id, occurred_at) AS transaction_before
  FROM stock_event
) AS version
WHERE
  event_id = event_before
  OR (stock_id IS NOT NULL AND occurred_at < began_before AND transaction_id <> transaction_before)
ORDER BY event_id;
