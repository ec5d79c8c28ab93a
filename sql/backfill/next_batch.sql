-- Copies the next batch of legacy data into stock.
--
-- Locks: ROW SHARE on stock, and FOR NO KEY UPDATE on at most :size of its rows, until the commit.

SELECT batch.last_id, batch.seen, batch.changed
FROM inventory_ops.backfill_stock(CAST(:after AS uuid), :size, :prefer, :reserved_is_live) AS batch;
