-- Records that the rows of an archived month were dropped; in the transaction that drops them.
--
-- Locks: ROW EXCLUSIVE on the record, one row.

UPDATE inventory_ops.archived_month
SET dropped_at = clock_timestamp()
WHERE archived_month.relation = :relation AND archived_month.month = CAST(:month AS date)
RETURNING archived_month.month;
