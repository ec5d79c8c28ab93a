-- What lay in the shop at the end of each day, and what it had cost.
--
-- Reads: stock_event, calendar
-- Grain: day
-- Unknown: every figure is empty before the log began. Units whose price nobody recorded are counted,
--   and are not in the value.
-- Columns: day: in UTC; items: rows of stock with at least one unit; units: of these; units_without_price: units whose
--   price is unknown; value: what the others cost, with VAT, EUR; expected_profit: what they are expected to bring beyond
--   that, where an ROI is recorded, EUR.
-- Locks: none; it reads the warehouse.

WITH fact AS (
  SELECT
    stock_event.stock_id AS stock_id,
    stock_event.occurred_at AS occurred_at,
    stock_event.event_id AS event_id,
    CASE
      WHEN stock_event.kind = 'delete' OR stock_event.status = 'sold' THEN 0
      ELSE coalesce(stock_event.quantity, 0)
    END AS units,
    stock_event.gross_purchase_price AS price,
    stock_event.roi_percentage AS roi
  FROM stock_event
  WHERE stock_event.kind <> 'truncate'
  UNION ALL
  -- A TRUNCATE is one event that takes every row.
  SELECT DISTINCT
    earlier.stock_id AS stock_id,
    emptied.occurred_at AS occurred_at,
    emptied.event_id AS event_id,
    0 AS units,
    cast(NULL AS decimal(10, 2)) AS price,
    cast(NULL AS decimal(5, 2)) AS roi
  FROM stock_event AS emptied
  INNER JOIN stock_event AS earlier ON earlier.occurred_at <= emptied.occurred_at AND earlier.kind <> 'truncate'
  WHERE emptied.kind = 'truncate'
),

amount AS (
  SELECT
    fact.stock_id AS stock_id,
    fact.occurred_at AS occurred_at,
    fact.event_id AS event_id,
    fact.units AS units,
    CASE WHEN fact.units > 0 THEN 1 ELSE 0 END AS items,
    CASE WHEN fact.price IS NULL THEN fact.units ELSE 0 END AS units_without_price,
    coalesce(fact.units * fact.price, 0) AS value,
    coalesce(cast(fact.units * fact.price * fact.roi * 0.01 AS decimal(18, 2)), 0) AS expected_profit
  FROM fact
),

-- What each event added to what was there, so that a day is a running sum.
step AS (
  SELECT
    cast(amount.occurred_at AS date) AS day,
    amount.items - lag(amount.items, 1, 0) OVER version AS items,
    amount.units - lag(amount.units, 1, 0) OVER version AS units,
    amount.units_without_price - lag(amount.units_without_price, 1, 0) OVER version AS units_without_price,
    amount.value - coalesce(lag(amount.value) OVER version, 0) AS value,
    amount.expected_profit - coalesce(lag(amount.expected_profit) OVER version, 0) AS expected_profit
  FROM amount
  WINDOW version AS (PARTITION BY amount.stock_id ORDER BY amount.occurred_at, amount.event_id)
),

of_day AS (
  SELECT
    step.day AS day,
    sum(step.items) AS items,
    sum(step.units) AS units,
    sum(step.units_without_price) AS units_without_price,
    sum(step.value) AS value,
    sum(step.expected_profit) AS expected_profit
  FROM step
  GROUP BY step.day
)

SELECT
  calendar.day AS day,
  CASE WHEN calendar.in_log THEN cast(coalesce(sum(of_day.items) OVER past, 0) AS bigint) END AS items,
  CASE WHEN calendar.in_log THEN cast(coalesce(sum(of_day.units) OVER past, 0) AS bigint) END AS units,
  CASE
    WHEN calendar.in_log THEN cast(coalesce(sum(of_day.units_without_price) OVER past, 0) AS bigint)
  END AS units_without_price,
  CASE WHEN calendar.in_log THEN cast(coalesce(sum(of_day.value) OVER past, 0) AS decimal(18, 2)) END AS value,
  CASE
    WHEN calendar.in_log THEN cast(coalesce(sum(of_day.expected_profit) OVER past, 0) AS decimal(18, 2))
  END AS expected_profit
FROM calendar
LEFT JOIN of_day ON of_day.day = calendar.day
WINDOW past AS (ORDER BY calendar.day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW);
