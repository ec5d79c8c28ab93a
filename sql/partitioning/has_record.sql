-- Whether any table was ever kept in partitions here.
--
-- Locks: none.

SELECT to_regclass('inventory_ops.partitioned_table') IS NOT NULL AS recorded;
