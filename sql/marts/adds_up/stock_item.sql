-- Each row of stock that the log has seen is there once.
--
-- Locks: none; it reads the warehouse.

SELECT
  'rows of stock' AS what,
  (SELECT count(stock_item.stock_id) FROM stock_item) AS found,
  count(DISTINCT stock_event.stock_id) AS expected
FROM stock_event
WHERE stock_event.kind IN ('baseline', 'insert', 'update');
