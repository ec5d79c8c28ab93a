-- Whether there is a valid index of this name on stock or the view; in incremental mode, on the read model.
--
-- Locks: none.

SELECT coalesce(bool_or(pg_index.indisvalid AND pg_index.indisready), false) AS valid
FROM pg_index
JOIN pg_class ON pg_class.oid = pg_index.indexrelid
WHERE pg_class.relnamespace IN (to_regnamespace('inventory'), to_regnamespace('inventory_ops'))
  AND pg_class.relname = :index;
