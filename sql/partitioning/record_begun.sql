-- Record that a table is being turned into partitions; one that is recorded gets the new retention.
--
-- Locks: ROW EXCLUSIVE on the record.

INSERT INTO inventory_ops.partitioned_table (
  schema_name, table_name, column_name, keep, archive, key_name, key_columns, column_was_nullable
)
VALUES (:schema, :name, :column, :keep, :archive, :key_name, CAST(:key_columns AS text[]), :nullable)
ON CONFLICT (schema_name, table_name) DO UPDATE
SET column_name = excluded.column_name,
    keep = excluded.keep,
    archive = excluded.archive,
    key_name = excluded.key_name,
    key_columns = excluded.key_columns,
    column_was_nullable = excluded.column_was_nullable;
