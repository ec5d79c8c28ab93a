-- The last day of the running sums is what lies there now, row by row.
--
-- Locks: none; it reads the warehouse.

WITH last_day AS (
  SELECT value_by_day.units AS units, value_by_day.value AS value
  FROM value_by_day
  WHERE value_by_day.day = (SELECT max(value_by_day.day) FROM value_by_day) AND value_by_day.units IS NOT NULL
),

on_hand AS (
  SELECT
    -- What an order says was sold may still lie in the row: the log does not know orders.
    sum(CASE WHEN stock_item.deleted_at IS NULL AND stock_item.status <> 'sold' THEN stock_item.quantity ELSE 0 END) AS units,
    sum(
      CASE
        WHEN stock_item.deleted_at IS NULL AND stock_item.status <> 'sold'
          THEN coalesce(stock_item.quantity * stock_item.gross_purchase_price, 0)
        ELSE 0
      END
    ) AS value
  FROM stock_item
)

SELECT 'units' AS what, (SELECT sum(last_day.units) FROM last_day) AS found, on_hand.units AS expected
FROM on_hand
UNION ALL
SELECT 'value' AS what, (SELECT sum(last_day.value) FROM last_day) AS found, on_hand.value AS expected
FROM on_hand;
