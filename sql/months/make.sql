-- Give a partitioned table a partition for one month; says whether it was made, which is not where it is there.
--
-- Locks: SHARE UPDATE EXCLUSIVE on the table until the end of the transaction, for which no reader or writer waits.

SELECT inventory_ops.make_month(to_regclass(:parent), CAST(:month AS date)) AS made;
