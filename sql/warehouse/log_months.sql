-- The months that the shop's logs have, by the names of their partitions and by what met none.
--
-- Locks: ACCESS SHARE on what met no month, for the length of the query.

SELECT
  parent.relname::text AS log,
  to_char(to_date(right(child.relname::text, 6), 'YYYYMM'), 'YYYY-MM') AS month
FROM pg_inherits
INNER JOIN pg_class AS parent ON pg_inherits.inhparent = parent.oid
INNER JOIN pg_class AS child ON pg_inherits.inhrelid = child.oid
WHERE
  parent.oid IN (
    to_regclass('inventory_ops.stock_event'), to_regclass('inventory_ops.reservation_event')
  )
  AND child.relkind = 'r'
UNION
SELECT 'stock_event', to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM')
FROM inventory_ops.stock_event_overflow
UNION
SELECT 'reservation_event', to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM')
FROM inventory_ops.reservation_event_overflow
ORDER BY log, month;
