-- The change queue: from here on every write to stock that changes a metric queues what its stock rows became.
--
-- The writer's own transaction queues them, so that a change and its entry become visible together or not at all.
-- Entries are only ever added, never merged: who left one out because there is one already would rely on an entry
-- that the drainer may be taking at this moment.
--
-- Locks: SHARE ROW EXCLUSIVE on stock for an instant, one trigger at a time. Afterwards no writer waits for another
--        one, nor for the drainer.
-- Again: safe.

-- What changed is queued, what did not is not: a stock row that was sold, moved or renamed has the same metrics.
CREATE OR REPLACE FUNCTION inventory_ops.queue_updated_stock()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  -- By id, not by row: where a primary key was changed, one id has gone and another one has come.
  INSERT INTO inventory_ops.stock_change (
    stock_id, quantity, reserved_quantity, gross_purchase_price, roi_percentage, created_at, updated_at
  )
  SELECT
    coalesce(before.id, after.id),
    after.quantity,
    after.reserved_quantity,
    after.gross_purchase_price,
    after.roi_percentage,
    after.created_at,
    after.updated_at
  FROM before
  FULL JOIN after ON after.id = before.id
  WHERE (
    before.id,
    before.quantity,
    before.reserved_quantity,
    before.gross_purchase_price,
    before.roi_percentage,
    before.created_at,
    before.updated_at
  ) IS DISTINCT FROM (
    after.id,
    after.quantity,
    after.reserved_quantity,
    after.gross_purchase_price,
    after.roi_percentage,
    after.created_at,
    after.updated_at
  );
  RETURN NULL;
END
$function$;

CREATE OR REPLACE FUNCTION inventory_ops.queue_inserted_stock()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  INSERT INTO inventory_ops.stock_change (
    stock_id, quantity, reserved_quantity, gross_purchase_price, roi_percentage, created_at, updated_at
  )
  SELECT
    inserted.id,
    inserted.quantity,
    inserted.reserved_quantity,
    inserted.gross_purchase_price,
    inserted.roi_percentage,
    inserted.created_at,
    inserted.updated_at
  FROM inserted;
  RETURN NULL;
END
$function$;

CREATE OR REPLACE FUNCTION inventory_ops.queue_deleted_stock()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  INSERT INTO inventory_ops.stock_change (stock_id)
  SELECT deleted.id FROM deleted;
  RETURN NULL;
END
$function$;

-- No list of ids: in a REPEATABLE READ transaction the rows that are truncated are not the ones that it sees.
CREATE OR REPLACE FUNCTION inventory_ops.queue_stock_truncation()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  INSERT INTO inventory_ops.stock_change (stock_id) VALUES (NULL);
  RETURN NULL;
END
$function$;

CREATE OR REPLACE TRIGGER soleflip_queue_insert
AFTER INSERT ON inventory.stock
REFERENCING NEW TABLE AS inserted
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.queue_inserted_stock();

CREATE OR REPLACE TRIGGER soleflip_queue_update
AFTER UPDATE ON inventory.stock
REFERENCING OLD TABLE AS before NEW TABLE AS after
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.queue_updated_stock();

CREATE OR REPLACE TRIGGER soleflip_queue_delete
AFTER DELETE ON inventory.stock
REFERENCING OLD TABLE AS deleted
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.queue_deleted_stock();

CREATE OR REPLACE TRIGGER soleflip_queue_truncation
AFTER TRUNCATE ON inventory.stock
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.queue_stock_truncation();

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA inventory_ops FROM PUBLIC;
