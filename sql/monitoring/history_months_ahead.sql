-- The log of stock has a month for what is written now and in the next two months.
--
-- Three are made ahead, daily; what meets none waits in an overflow, and nobody's write fails.
--
-- Asset: history/stock_event
-- Locks: none; reads the catalog.
-- Means: Nobody has made months for weeks: the schedule of history is stopped or fails.

WITH wanted AS (
  SELECT log.name, month.number AS ahead,
    log.name || to_char((now() AT TIME ZONE 'UTC') + make_interval(months => month.number), '"_"YYYYMM') AS partition
  FROM (VALUES ('inventory_ops.stock_event'), ('inventory_ops.reservation_event')) AS log (name)
  CROSS JOIN generate_series(0, 2) AS month (number)
),
missing AS (
  SELECT wanted.partition, wanted.ahead
  FROM wanted
  WHERE NOT EXISTS (
    SELECT
    FROM pg_inherits
    WHERE pg_inherits.inhparent = to_regclass(wanted.name)
      AND pg_inherits.inhrelid = to_regclass(wanted.partition)
      AND NOT pg_inherits.inhdetachpending
  )
)
SELECT
  count(*) = 0 AS passed,
  CASE WHEN min(missing.ahead) = 0 THEN 'ERROR' ELSE 'WARN' END AS severity,
  count(*) AS missing_months,
  (array_agg(missing.partition ORDER BY missing.partition))[1:5] AS examples
FROM missing;
