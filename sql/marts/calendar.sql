-- The days that the other pictures are drawn over: from the first event or sale to the last load.
--
-- Reads: stock_event, sale, load_state
-- Grain: day
-- Unknown: what lay in the shop on a day before the log began, nobody knows.
-- Columns: day: in UTC; month: its first day; in_log: whether the log had begun.
-- Locks: none; it reads the warehouse.

WITH digit AS (
  SELECT ten.n AS n
  FROM (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) AS ten (n)
),

-- 10,000 days are 27 years.
number AS (
  SELECT ones.n + 10 * tens.n + 100 * hundreds.n + 1000 * thousands.n AS n
  FROM digit AS ones
  CROSS JOIN digit AS tens
  CROSS JOIN digit AS hundreds
  CROSS JOIN digit AS thousands
),

began AS (
  SELECT cast(min(stock_event.occurred_at) AS date) AS day
  FROM stock_event
),

sold AS (
  SELECT min(sale.sold_day) AS day
  FROM sale
),

span AS (
  SELECT
    began.day AS began,
    cast(load_state.loaded_at AS date) AS last_day,
    coalesce(
      CASE WHEN sold.day < began.day THEN sold.day ELSE began.day END, sold.day, cast(load_state.loaded_at AS date)
    ) AS first_day
  FROM load_state
  CROSS JOIN began
  CROSS JOIN sold
)

SELECT
  span.first_day + number.n AS day,
  cast(date_trunc('month', span.first_day + number.n) AS date) AS month,
  coalesce(span.first_day + number.n >= span.began, false) AS in_log
FROM span
INNER JOIN number ON span.first_day + number.n <= span.last_day;
