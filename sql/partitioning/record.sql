-- What was turned into partitions by month, and how long its months are kept.
--
-- Locks: none that anyone could wait for: all of it is new, or there already.
-- Again: safe.

CREATE SCHEMA IF NOT EXISTS inventory_ops;

CREATE TABLE IF NOT EXISTS inventory_ops.partitioned_table (
  schema_name name NOT NULL,
  table_name name NOT NULL,
  column_name name NOT NULL,
  keep text CHECK (keep ~ '^[1-9][0-9]{0,3}(d|mo)$'),
  archive boolean NOT NULL DEFAULT false,
  key_name name,
  key_columns text[],
  column_was_nullable boolean NOT NULL DEFAULT false,
  first_partition name,
  converted_at timestamptz,
  recorded_by text NOT NULL DEFAULT session_user,
  PRIMARY KEY (schema_name, table_name)
);

COMMENT ON TABLE inventory_ops.partitioned_table IS
  'The shop''s tables that are kept in partitions by month; converted_at is NULL while a conversion is under way';

COMMENT ON COLUMN inventory_ops.partitioned_table.keep IS
  'How long a month is kept after its end: 60d or 12mo; NULL keeps all';

COMMENT ON COLUMN inventory_ops.partitioned_table.key_columns IS
  'The primary key before the time was added to it, which the way back makes again; NULL if it was not added';
