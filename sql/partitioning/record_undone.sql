-- Forget a table that is in partitions no longer.
--
-- Locks: ROW EXCLUSIVE on the record.

DELETE FROM inventory_ops.partitioned_table
WHERE schema_name = :schema AND table_name = :name;
