-- Each month that left the log is in an archive that was read back and compared, and none is left half-way.
--
-- Asset: history/stock_event
-- Locks: ACCESS SHARE on the record of archives.
-- Means: A month was detached by hand, or a prune died: run `soleflip history prune` again, which finishes it.

WITH log (name) AS (
  VALUES ('inventory_ops.stock_event'), ('inventory_ops.reservation_event')
),
found AS (
  SELECT format('%s is detached and was not dropped', pg_class.oid::regclass) AS fault
  FROM log
  JOIN pg_class ON pg_class.relnamespace = to_regnamespace('inventory_ops')
    AND pg_class.relname ~ ('^' || split_part(log.name, '.', 2) || '_\d{6}$')
    AND pg_class.relkind = 'r'
  WHERE NOT EXISTS (SELECT FROM pg_inherits WHERE pg_inherits.inhrelid = pg_class.oid)
  UNION ALL
  SELECT format('%s is being detached', pg_inherits.inhrelid::regclass)
  FROM log
  JOIN pg_inherits ON pg_inherits.inhparent = to_regclass(log.name)
  WHERE pg_inherits.inhdetachpending
  UNION ALL
  SELECT format('%s of %s left, and no archive is recorded', month.first_day::date, log.name)
  FROM log
  CROSS JOIN LATERAL (
    SELECT min(archived.month) AS first_day
    FROM inventory_ops.archived_month AS archived
    WHERE archived.relation = log.name
  ) AS oldest
  CROSS JOIN LATERAL (
    SELECT
      max(archived.month) AS last_day
    FROM inventory_ops.archived_month AS archived
    WHERE archived.relation = log.name
  ) AS newest
  CROSS JOIN LATERAL generate_series(
    oldest.first_day::timestamp, newest.last_day::timestamp, '1 month'
  ) AS month (first_day)
  WHERE NOT EXISTS (
      SELECT
      FROM inventory_ops.archived_month AS archived
      WHERE archived.relation = log.name AND archived.month = month.first_day::date
    )
    AND to_regclass(log.name || to_char(month.first_day, '"_"YYYYMM')) IS NULL
)
SELECT
  count(*) = 0 AS passed,
  'ERROR' AS severity,
  count(*) AS findings,
  (
    SELECT count(*)
    FROM log
    JOIN inventory_ops.archived_month AS archived ON archived.relation = log.name
  ) AS archived_months,
  (array_agg(found.fault ORDER BY found.fault))[1:5] AS examples
FROM found;
