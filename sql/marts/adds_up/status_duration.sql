-- Each row of stock that is there is in one status now.
--
-- Locks: none; it reads the warehouse.

SELECT
  'stays that go on' AS what,
  coalesce(sum(status_duration.going_on), 0) AS found,
  (
    SELECT count(stock_item.stock_id) FROM stock_item WHERE stock_item.deleted_at IS NULL AND stock_item.status IS NOT NULL
  ) AS expected
FROM status_duration;
