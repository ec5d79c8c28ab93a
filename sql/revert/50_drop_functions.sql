-- Takes back the functions of the synchronisation, the backfill and the records, which nothing calls any more.
--
-- Locks: none that anyone could wait for.
-- Again: safe.

DROP FUNCTION IF EXISTS inventory_ops.lifecycle_to_stock();

DROP FUNCTION IF EXISTS inventory_ops.metrics_to_stock();

DROP FUNCTION IF EXISTS inventory_ops.financial_to_stock();

DROP FUNCTION IF EXISTS inventory_ops.stock_to_lifecycle();

DROP FUNCTION IF EXISTS inventory_ops.stock_to_metrics();

DROP FUNCTION IF EXISTS inventory_ops.stock_to_financial();

DROP FUNCTION IF EXISTS inventory_ops.refuse_legacy_truncation();

DROP FUNCTION IF EXISTS inventory_ops.record_legacy_write();

DROP FUNCTION IF EXISTS inventory_ops.record_legacy_delete();

DROP FUNCTION IF EXISTS inventory_ops.backfill_stock(uuid, integer);

DROP FUNCTION IF EXISTS inventory_ops.record_stock_deletion();

DROP FUNCTION IF EXISTS inventory_ops.record_stock_truncation();
