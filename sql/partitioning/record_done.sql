-- Record that a table is in partitions: in the transaction that makes it so.
--
-- Locks: ROW EXCLUSIVE on the record.

UPDATE inventory_ops.partitioned_table
SET first_partition = :first, converted_at = clock_timestamp()
WHERE schema_name = :schema AND table_name = :name;
