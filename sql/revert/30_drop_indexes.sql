-- Takes back sql/phase2/70, 71 and 72: the indexes on the new columns.
--
-- Locks: SHARE UPDATE EXCLUSIVE on stock while queries that use the index end; readers and writers go on.
-- Again: safe.

DROP INDEX CONCURRENTLY IF EXISTS inventory.idx_stock_status_history;

DROP INDEX CONCURRENTLY IF EXISTS inventory.idx_stock_listed_platforms;

DROP INDEX CONCURRENTLY IF EXISTS inventory.idx_stock_reserved;
