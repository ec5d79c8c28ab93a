-- Record another retention of a table that is in partitions.
--
-- Locks: ROW EXCLUSIVE on the record.

UPDATE inventory_ops.partitioned_table
SET keep = :keep, archive = :archive
WHERE schema_name = :schema AND table_name = :name;
