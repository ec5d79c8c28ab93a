-- Each partition of the log is one month in UTC, and between the first and the last none is missing.
--
-- Asset: history/stock_event
-- Locks: none; reads the catalog.
-- Means: Somebody made or detached a partition by hand: events of that time are in the overflow, or in a table of their
--        own.

WITH partition AS (
  SELECT
    pg_inherits.inhparent::regclass::text AS log,
    pg_inherits.inhrelid::regclass::text AS name,
    pg_get_expr(pg_class.relpartbound, pg_class.oid) AS bounds,
    pg_inherits.inhdetachpending AS is_leaving,
    CAST(
      substring(pg_get_expr(pg_class.relpartbound, pg_class.oid) FROM 'FROM \(''([^'']+)''\)') AS timestamptz
    ) AS lower,
    CAST(
      substring(pg_get_expr(pg_class.relpartbound, pg_class.oid) FROM 'TO \(''([^'']+)''\)') AS timestamptz
    ) AS upper
  FROM pg_inherits
  JOIN pg_class ON pg_class.oid = pg_inherits.inhrelid
  WHERE pg_inherits.inhparent IN (
    to_regclass('inventory_ops.stock_event'), to_regclass('inventory_ops.reservation_event')
  )
),
found AS (
  SELECT format('%s has the bounds %s, which are no month in UTC', partition.name, partition.bounds) AS fault
  FROM partition
  WHERE partition.lower IS DISTINCT FROM date_trunc('month', partition.lower, 'UTC')
    OR partition.upper IS DISTINCT FROM (
      ((partition.lower AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC'
    )
  UNION ALL
  SELECT format('%s has no partition from %s to %s', neighbour.log, neighbour.upper, neighbour.next_lower)
  FROM (
    SELECT
      partition.log,
      partition.upper,
      lead(partition.lower) OVER (PARTITION BY partition.log ORDER BY partition.lower) AS next_lower
    FROM partition
    WHERE NOT partition.is_leaving
  ) AS neighbour
  WHERE neighbour.next_lower > neighbour.upper
)
SELECT
  count(*) = 0 AS passed,
  'ERROR' AS severity,
  count(*) AS findings,
  (SELECT count(*) FROM partition) AS partitions,
  (array_agg(found.fault ORDER BY found.fault))[1:5] AS examples
FROM found;
