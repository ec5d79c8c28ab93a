-- No month of the log is much older than it is to be kept.
--
-- :keep_months is how many months are kept before the present one; NULL keeps everything. One more passes: the prune is
-- daily, and may wait for a long transaction.
--
-- Asset: history/stock_event
-- Locks: none; reads the catalog.
-- Means: The daily prune fails or is not allowed to: run `soleflip history prune` as the owner.

WITH old AS (
  SELECT pg_inherits.inhrelid::regclass::text AS name
  FROM pg_inherits
  JOIN pg_class ON pg_class.oid = pg_inherits.inhrelid
  WHERE pg_inherits.inhparent IN (
    to_regclass('inventory_ops.stock_event'), to_regclass('inventory_ops.reservation_event')
  )
    AND right(pg_class.relname, 6) < to_char(
      (now() AT TIME ZONE 'UTC') - make_interval(months => CAST(:keep_months AS integer) + 1), 'YYYYMM'
    )
)
SELECT
  count(*) = 0 AS passed,
  'WARN' AS severity,
  CAST(:keep_months AS integer) AS keep_months,
  count(*) AS old_months,
  (array_agg(old.name ORDER BY old.name))[1:5] AS examples
FROM old;
