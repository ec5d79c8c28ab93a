-- Whether a table is a partition of another one.
--
-- Locks: none.

SELECT EXISTS (
  SELECT FROM pg_inherits WHERE pg_inherits.inhrelid = to_regclass(:table)
) AS is_partition;
