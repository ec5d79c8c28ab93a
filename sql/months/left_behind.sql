-- Tables named as a month of a partitioned table that are no partition of anything: a prune detached them and died.
--
-- Only those whose archive is recorded; any other one is somebody's.
--
-- Locks: none.

SELECT pg_class.relname AS name
FROM pg_class
JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
JOIN inventory_ops.archived_month
  ON archived_month.relation = :relation
  AND pg_class.relname = CAST(:name AS text) || to_char(archived_month.month, '"_"YYYYMM')
WHERE pg_class.relkind = 'r'
  AND archived_month.dropped_at IS NULL
  AND pg_namespace.oid = (SELECT parent.relnamespace FROM pg_class AS parent WHERE parent.oid = to_regclass(:relation))
  AND NOT EXISTS (SELECT FROM pg_inherits WHERE pg_inherits.inhrelid = pg_class.oid)
ORDER BY pg_class.relname;
