-- The partitions of a table, oldest first, with their bounds, room on disk and the planner's guess of their rows.
--
-- To be asked in a session in UTC, as all of ours are: bounds are printed in the session's time zone. NULL is a bound
-- that is open, or more than one column, or no time. Without partitions: no row.
--
-- Locks: ACCESS SHARE on each partition for an instant, to measure it.

SELECT
  child.name,
  child.lower_bound,
  child.upper_bound,
  child.bounds,
  child.detach_pending,
  child.bytes,
  child.estimated_rows
FROM (
  SELECT
    pg_class.relname AS name,
    CASE WHEN bound.lower ~ '^\d{4,}-\d\d-\d\d' THEN CAST(bound.lower AS timestamptz) END AS lower_bound,
    CASE WHEN bound.upper ~ '^\d{4,}-\d\d-\d\d' THEN CAST(bound.upper AS timestamptz) END AS upper_bound,
    pg_get_expr(pg_class.relpartbound, pg_class.oid) AS bounds,
    pg_inherits.inhdetachpending AS detach_pending,
    pg_total_relation_size(pg_class.oid) AS bytes,
    CAST(greatest(pg_class.reltuples, 0) AS bigint) AS estimated_rows
  FROM pg_inherits
  JOIN pg_class ON pg_class.oid = pg_inherits.inhrelid
  CROSS JOIN LATERAL (
    SELECT
      substring(pg_get_expr(pg_class.relpartbound, pg_class.oid) FROM 'FROM \(''([^'']*)''\)') AS lower,
      substring(pg_get_expr(pg_class.relpartbound, pg_class.oid) FROM 'TO \(''([^'']*)''\)') AS upper
  ) AS bound
  WHERE pg_inherits.inhparent = to_regclass(:parent)
) AS child
ORDER BY child.lower_bound NULLS FIRST, child.name;
