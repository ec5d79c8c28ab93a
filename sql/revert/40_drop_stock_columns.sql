-- Takes back sql/phase2/30, 40, 50 and 55: the columns, and the triggers that kept old and new side by side.
--
-- In one transaction: between the end of the synchronisation and the end of the columns no write may fall, or it
-- would be in one of the two places only.
--
-- Locks: ACCESS EXCLUSIVE on stock and the three legacy tables for an instant. stock is waited for; the others are
--        not, since a writer that holds one of them may be waiting for stock: the whole is then tried again.
-- Again: safe.

BEGIN;

LOCK TABLE inventory.stock IN ACCESS EXCLUSIVE MODE;

LOCK TABLE inventory.stock_financial, inventory.stock_lifecycle, inventory.stock_metrics
IN ACCESS EXCLUSIVE MODE NOWAIT;

DROP TRIGGER IF EXISTS soleflip_stock_update_to_lifecycle ON inventory.stock;

DROP TRIGGER IF EXISTS soleflip_stock_insert_to_lifecycle ON inventory.stock;

DROP TRIGGER IF EXISTS soleflip_stock_update_to_metrics ON inventory.stock;

DROP TRIGGER IF EXISTS soleflip_stock_insert_to_metrics ON inventory.stock;

DROP TRIGGER IF EXISTS soleflip_stock_update_to_financial ON inventory.stock;

DROP TRIGGER IF EXISTS soleflip_record_deletion ON inventory.stock;

DROP TRIGGER IF EXISTS soleflip_record_truncation ON inventory.stock;

DROP TRIGGER IF EXISTS soleflip_lifecycle_to_stock ON inventory.stock_lifecycle;

DROP TRIGGER IF EXISTS soleflip_refuse_truncation ON inventory.stock_lifecycle;

DROP TRIGGER IF EXISTS soleflip_record_write ON inventory.stock_lifecycle;

DROP TRIGGER IF EXISTS soleflip_record_delete ON inventory.stock_lifecycle;

DROP TRIGGER IF EXISTS soleflip_metrics_to_stock ON inventory.stock_metrics;

DROP TRIGGER IF EXISTS soleflip_refuse_truncation ON inventory.stock_metrics;

DROP TRIGGER IF EXISTS soleflip_record_write ON inventory.stock_metrics;

DROP TRIGGER IF EXISTS soleflip_record_delete ON inventory.stock_metrics;

DROP TRIGGER IF EXISTS soleflip_financial_to_stock ON inventory.stock_financial;

DROP TRIGGER IF EXISTS soleflip_refuse_truncation ON inventory.stock_financial;

DROP TRIGGER IF EXISTS soleflip_record_write ON inventory.stock_financial;

DROP TRIGGER IF EXISTS soleflip_record_delete ON inventory.stock_financial;

ALTER TABLE inventory.stock
  DROP COLUMN IF EXISTS listed_on_platforms,
  DROP COLUMN IF EXISTS status_history,
  DROP COLUMN IF EXISTS reserved_quantity;

COMMIT;
