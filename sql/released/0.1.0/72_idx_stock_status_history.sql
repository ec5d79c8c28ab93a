-- Fast JSONB queries on status history.
--
-- Locks: SHARE UPDATE EXCLUSIVE on stock for the length of the build; readers and writers go on.
-- Again: fails if the index exists; the deployment drops an invalid or differing one first.

CREATE INDEX CONCURRENTLY idx_stock_status_history
ON inventory.stock USING GIN (status_history)
WHERE status_history IS NOT NULL;
