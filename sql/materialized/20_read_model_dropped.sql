-- Takes back sql/incremental: the read model, and the triggers that queue changes for it.
--
-- Locks: ACCESS EXCLUSIVE on stock for an instant, one trigger at a time. Never CASCADE: what is built on it is
--        somebody's.
-- Again: safe.

-- To drop is what this file is for, and all of it is ours.
-- squawk-ignore-file ban-drop-function, ban-drop-view, ban-drop-table

DROP TRIGGER IF EXISTS soleflip_queue_insert ON inventory.stock;

DROP TRIGGER IF EXISTS soleflip_queue_update ON inventory.stock;

DROP TRIGGER IF EXISTS soleflip_queue_delete ON inventory.stock;

DROP TRIGGER IF EXISTS soleflip_queue_truncation ON inventory.stock;

DROP FUNCTION IF EXISTS inventory_ops.queue_inserted_stock();

DROP FUNCTION IF EXISTS inventory_ops.queue_updated_stock();

DROP FUNCTION IF EXISTS inventory_ops.queue_deleted_stock();

DROP FUNCTION IF EXISTS inventory_ops.queue_stock_truncation();

DROP FUNCTION IF EXISTS inventory_ops.compare_stock_metrics();

DROP FUNCTION IF EXISTS inventory_ops.prove_stock_metrics(regclass);

DROP FUNCTION IF EXISTS inventory_ops.stock_metrics_differences(regclass);

DROP FUNCTION IF EXISTS inventory_ops.drain_stock_changes(timestamptz);

DROP VIEW IF EXISTS inventory_ops.stock_metrics_now;

DROP TABLE IF EXISTS inventory_ops.stock_metrics_refreshed;

TRUNCATE inventory_ops.stock_change;

-- Last: as long as it is there, a deployment knows that this is not done.
DROP TABLE IF EXISTS inventory_ops.stock_metrics_read_model;
