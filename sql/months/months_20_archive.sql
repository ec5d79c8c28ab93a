-- The record of months that left their table: where each is kept, and what was proven of it.
--
-- Locks: none that anyone could wait for: it is new.
-- Again: safe.

CREATE TABLE IF NOT EXISTS inventory_ops.archived_month (
  relation text NOT NULL,
  month date NOT NULL,
  path text NOT NULL,
  row_count bigint NOT NULL,
  bytes bigint NOT NULL,
  sha256 text NOT NULL,
  archived_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  archived_by text NOT NULL DEFAULT session_user,
  dropped_at timestamptz,
  PRIMARY KEY (relation, month)
);

COMMENT ON TABLE inventory_ops.archived_month IS
  'Months that left a partitioned table: the Parquet file that was read back and compared, and when the rows were dropped';

COMMENT ON COLUMN inventory_ops.archived_month.sha256 IS 'Of all values in the order of the key, not of the file';
