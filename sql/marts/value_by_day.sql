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

version AS (
  SELECT
    fact.units AS units,
    fact.price AS price,
    fact.roi AS roi,
    cast(fact.occurred_at AS date) AS began,
    cast(
      lead(fact.occurred_at) OVER (PARTITION BY fact.stock_id ORDER BY fact.occurred_at, fact.event_id) AS date
    ) AS ended
  FROM fact
),

-- What came on a day and what went, so that a day is a running sum. What came and went within it was not there at its end.
amount AS (
  SELECT
    version.began AS began,
    version.ended AS ended,
    version.units AS units,
    CASE WHEN version.price IS NULL THEN version.units ELSE 0 END AS units_without_price,
    version.units * version.price AS value,
    cast(version.units * version.price * version.roi * 0.01 AS decimal(18, 2)) AS expected_profit
  FROM version
  WHERE version.units > 0 AND (version.ended IS NULL OR version.ended > version.began)
),

step AS (
  SELECT
    amount.began AS day,
    count(amount.units) AS items,
    sum(amount.units) AS units,
    sum(amount.units_without_price) AS units_without_price,
    sum(amount.value) AS value,
    sum(amount.expected_profit) AS expected_profit
  FROM amount
  GROUP BY amount.began
  UNION ALL
  SELECT
    amount.ended AS day,
    -count(amount.units) AS items,
    -sum(amount.units) AS units,
    -sum(amount.units_without_price) AS units_without_price,
    -sum(amount.value) AS value,
    -sum(amount.expected_profit) AS expected_profit
  FROM amount
  WHERE amount.ended IS NOT NULL
  GROUP BY amount.ended
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
