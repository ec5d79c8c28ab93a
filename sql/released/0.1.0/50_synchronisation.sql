-- Old and new side by side: what one version of the application writes, the other one reads.
--
-- A legacy row written by the old version appears in stock; a new column written by the new version appears
-- in the legacy row; both in the writer's own transaction. Of several legacy rows for one stock row the newest
-- counts (updated_at, then created_at, then id); the others are set aside and never written to.
--
-- Locks: SHARE ROW EXCLUSIVE on stock and on each legacy table for an instant, one trigger at a time.
-- Again: safe.
--
-- No loop: every function that writes does so with soleflip.syncing = 'on', and no trigger here fires while it is on.
-- Set by hand and not by a SET clause, which only a superuser may give a function for a parameter of our own.
-- Two versions that write the same stock row at the same moment, one through stock and one through a legacy
-- table, lock the two rows in opposite order: PostgreSQL then ends one of them (SQLSTATE 40P01), to be retried.

-- Old to new: stock_lifecycle -------------------------------------------------------------------------------

-- What a new row leaves out is not thereby deleted: it takes over what stock knows. It does so before the
-- insert, since afterwards the first of several rows in one INSERT would have changed what the second takes over.
CREATE OR REPLACE FUNCTION inventory_ops.complete_lifecycle()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  SELECT
    coalesce(NEW.shelf_life_days, stock.shelf_life_days),
    coalesce(NEW.listed_on_platforms, stock.listed_on_platforms),
    coalesce(NEW.status_history, stock.status_history)
  INTO NEW.shelf_life_days, NEW.listed_on_platforms, NEW.status_history
  FROM inventory.stock
  WHERE stock.id = NEW.stock_id
  FOR NO KEY UPDATE;
  RETURN NEW;
END
$function$;

CREATE OR REPLACE TRIGGER soleflip_complete_lifecycle
BEFORE INSERT ON inventory.stock_lifecycle
FOR EACH ROW
WHEN (current_setting('soleflip.syncing', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION inventory_ops.complete_lifecycle();

CREATE OR REPLACE FUNCTION inventory_ops.lifecycle_to_stock()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  syncing_outside text := coalesce(current_setting('soleflip.syncing', true), '');
  target uuid;
BEGIN
  PERFORM set_config('soleflip.syncing', 'on', true);
  FOR target IN SELECT DISTINCT id FROM unnest(ARRAY[OLD.stock_id, NEW.stock_id]) AS id WHERE id IS NOT NULL ORDER BY id
  LOOP
    -- Locked first, read after: the next statement then sees what an earlier writer of this row committed.
    PERFORM FROM inventory.stock WHERE stock.id = target FOR NO KEY UPDATE;

    UPDATE inventory.stock
    SET listed_on_platforms = newest.listed_on_platforms, status_history = newest.status_history
    FROM (SELECT target AS stock_id) AS written
    LEFT JOIN LATERAL (
      SELECT lifecycle.listed_on_platforms, lifecycle.status_history
      FROM inventory.stock_lifecycle AS lifecycle
      WHERE lifecycle.stock_id = written.stock_id
      ORDER BY lifecycle.updated_at DESC, lifecycle.created_at DESC, lifecycle.id DESC
      LIMIT 1
    ) AS newest ON true
    WHERE stock.id = written.stock_id
      AND (stock.listed_on_platforms, stock.status_history)
        IS DISTINCT FROM (newest.listed_on_platforms, newest.status_history);
  END LOOP;

  -- stock had this column before: only a value that was really written replaces its own.
  IF NEW.shelf_life_days IS DISTINCT FROM OLD.shelf_life_days AND TG_OP <> 'DELETE' THEN
    UPDATE inventory.stock
    SET shelf_life_days = NEW.shelf_life_days
    WHERE stock.id = NEW.stock_id AND stock.shelf_life_days IS DISTINCT FROM NEW.shelf_life_days;
  END IF;
  PERFORM set_config('soleflip.syncing', syncing_outside, true);
  RETURN NULL;
END
$function$;

CREATE OR REPLACE TRIGGER soleflip_lifecycle_to_stock
AFTER INSERT OR UPDATE OR DELETE ON inventory.stock_lifecycle
FOR EACH ROW
WHEN (current_setting('soleflip.syncing', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION inventory_ops.lifecycle_to_stock();

-- Old to new: stock_metrics ---------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION inventory_ops.metrics_to_stock()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  syncing_outside text := coalesce(current_setting('soleflip.syncing', true), '');
  target uuid;
BEGIN
  PERFORM set_config('soleflip.syncing', 'on', true);
  FOR target IN SELECT DISTINCT id FROM unnest(ARRAY[OLD.stock_id, NEW.stock_id]) AS id WHERE id IS NOT NULL ORDER BY id
  LOOP
    -- Locked first, compared after: a row that seems to be right may be in the backfill's hands, which read
    -- stock_metrics before this write and is about to store what it read.
    PERFORM FROM inventory.stock WHERE stock.id = target FOR NO KEY UPDATE;

    -- All other columns of stock_metrics are computed from stock.
    UPDATE inventory.stock
    SET reserved_quantity = coalesce(metrics.reserved_quantity, 0)
    FROM (SELECT target AS stock_id) AS written
    LEFT JOIN inventory.stock_metrics AS metrics ON metrics.stock_id = written.stock_id
    WHERE stock.id = written.stock_id
      AND stock.reserved_quantity IS DISTINCT FROM coalesce(metrics.reserved_quantity, 0);
  END LOOP;
  PERFORM set_config('soleflip.syncing', syncing_outside, true);
  RETURN NULL;
END
$function$;

CREATE OR REPLACE TRIGGER soleflip_metrics_to_stock
AFTER INSERT OR DELETE OR UPDATE OF stock_id, reserved_quantity ON inventory.stock_metrics
FOR EACH ROW
WHEN (current_setting('soleflip.syncing', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION inventory_ops.metrics_to_stock();

-- Old to new: stock_financial -------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION inventory_ops.complete_financial()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  SELECT
    coalesce(NEW.profit_per_shelf_day, stock.profit_per_shelf_day),
    coalesce(NEW.roi, stock.roi_percentage)
  INTO NEW.profit_per_shelf_day, NEW.roi
  FROM inventory.stock
  WHERE stock.id = NEW.stock_id
  FOR NO KEY UPDATE;
  RETURN NEW;
END
$function$;

CREATE OR REPLACE TRIGGER soleflip_complete_financial
BEFORE INSERT ON inventory.stock_financial
FOR EACH ROW
WHEN (current_setting('soleflip.syncing', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION inventory_ops.complete_financial();

CREATE OR REPLACE FUNCTION inventory_ops.financial_to_stock()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  syncing_outside text := coalesce(current_setting('soleflip.syncing', true), '');
  target uuid;
BEGIN
  PERFORM set_config('soleflip.syncing', 'on', true);
  FOR target IN SELECT DISTINCT id FROM unnest(ARRAY[OLD.stock_id, NEW.stock_id]) AS id WHERE id IS NOT NULL ORDER BY id
  LOOP
    PERFORM FROM inventory.stock WHERE stock.id = target FOR NO KEY UPDATE;

    -- The three prices are NOT NULL in stock_financial, where 0 stands for the NULL that stock may hold.
    UPDATE inventory.stock
    SET
      purchase_price = CASE
        WHEN coalesce(stock.purchase_price, 0) = newest.purchase_price THEN stock.purchase_price
        ELSE newest.purchase_price
      END,
      gross_purchase_price = CASE
        WHEN coalesce(stock.gross_purchase_price, 0) = newest.gross_purchase_price THEN stock.gross_purchase_price
        ELSE newest.gross_purchase_price
      END,
      vat_amount = CASE
        WHEN coalesce(stock.vat_amount, 0) = newest.vat_amount THEN stock.vat_amount
        ELSE newest.vat_amount
      END,
      profit_per_shelf_day = newest.profit_per_shelf_day,
      roi_percentage = newest.roi
    FROM (
      SELECT
        financial.purchase_price,
        financial.gross_purchase_price,
        financial.vat_amount,
        financial.profit_per_shelf_day,
        financial.roi
      FROM inventory.stock_financial AS financial
      WHERE financial.stock_id = target
      ORDER BY financial.updated_at DESC, financial.created_at DESC, financial.id DESC
      LIMIT 1
    ) AS newest
    WHERE stock.id = target
      AND (
        coalesce(stock.purchase_price, 0),
        coalesce(stock.gross_purchase_price, 0),
        coalesce(stock.vat_amount, 0),
        stock.profit_per_shelf_day,
        stock.roi_percentage
      ) IS DISTINCT FROM (
        newest.purchase_price,
        newest.gross_purchase_price,
        newest.vat_amount,
        newest.profit_per_shelf_day,
        newest.roi
      );
  END LOOP;
  PERFORM set_config('soleflip.syncing', syncing_outside, true);
  RETURN NULL;
END
$function$;

CREATE OR REPLACE TRIGGER soleflip_financial_to_stock
AFTER INSERT OR UPDATE OR DELETE ON inventory.stock_financial
FOR EACH ROW
WHEN (current_setting('soleflip.syncing', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION inventory_ops.financial_to_stock();

-- Each column on its own, not (a, b) IS DISTINCT FROM (c, d): PostgreSQL prints a comparison of rows otherwise
-- after a dump and restore, and the trigger would then look as if somebody had changed it.

-- New to old ------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION inventory_ops.stock_to_lifecycle()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  syncing_outside text := coalesce(current_setting('soleflip.syncing', true), '');
BEGIN
  PERFORM set_config('soleflip.syncing', 'on', true);
  UPDATE inventory.stock_lifecycle AS lifecycle
  SET
    shelf_life_days = CASE
      WHEN NEW.shelf_life_days IS DISTINCT FROM OLD.shelf_life_days THEN NEW.shelf_life_days
      ELSE lifecycle.shelf_life_days
    END,
    listed_on_platforms = CASE
      WHEN NEW.listed_on_platforms IS DISTINCT FROM OLD.listed_on_platforms THEN NEW.listed_on_platforms
      ELSE lifecycle.listed_on_platforms
    END,
    status_history = CASE
      WHEN NEW.status_history IS DISTINCT FROM OLD.status_history THEN NEW.status_history
      ELSE lifecycle.status_history
    END,
    updated_at = greatest(lifecycle.updated_at, now())
  WHERE lifecycle.id = (
    SELECT newest.id
    FROM inventory.stock_lifecycle AS newest
    WHERE newest.stock_id = NEW.id
    ORDER BY newest.updated_at DESC, newest.created_at DESC, newest.id DESC
    LIMIT 1
  );
  IF NOT FOUND AND (NEW.listed_on_platforms IS NOT NULL OR NEW.status_history IS NOT NULL) THEN
    INSERT INTO inventory.stock_lifecycle (stock_id, shelf_life_days, listed_on_platforms, status_history)
    VALUES (NEW.id, NEW.shelf_life_days, NEW.listed_on_platforms, NEW.status_history);
  END IF;
  PERFORM set_config('soleflip.syncing', syncing_outside, true);
  RETURN NULL;
END
$function$;

CREATE OR REPLACE TRIGGER soleflip_stock_update_to_lifecycle
AFTER UPDATE OF shelf_life_days, listed_on_platforms, status_history ON inventory.stock
FOR EACH ROW
WHEN (
  (OLD.shelf_life_days IS DISTINCT FROM NEW.shelf_life_days
    OR OLD.listed_on_platforms IS DISTINCT FROM NEW.listed_on_platforms
    OR OLD.status_history IS DISTINCT FROM NEW.status_history)
  AND current_setting('soleflip.syncing', true) IS DISTINCT FROM 'on'
)
EXECUTE FUNCTION inventory_ops.stock_to_lifecycle();

CREATE OR REPLACE TRIGGER soleflip_stock_insert_to_lifecycle
AFTER INSERT ON inventory.stock
FOR EACH ROW
WHEN (NEW.listed_on_platforms IS NOT NULL OR NEW.status_history IS NOT NULL)
EXECUTE FUNCTION inventory_ops.stock_to_lifecycle();

CREATE OR REPLACE FUNCTION inventory_ops.stock_to_metrics()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  syncing_outside text := coalesce(current_setting('soleflip.syncing', true), '');
  -- Until the backfill comes to a stock row its reservations are in stock_metrics alone: a write to another
  -- column must not carry the default over.
  written boolean := TG_OP = 'INSERT' OR NEW.reserved_quantity IS DISTINCT FROM OLD.reserved_quantity;
  reserved integer := coalesce(NEW.reserved_quantity, 0);
  profit numeric := CASE WHEN NEW.roi_percentage > 0 THEN NEW.gross_purchase_price * (NEW.roi_percentage / 100) END;
BEGIN
  PERFORM set_config('soleflip.syncing', 'on', true);
  IF written AND reserved <> 0 THEN
    INSERT INTO inventory.stock_metrics AS metrics (
      stock_id, available_quantity, reserved_quantity, total_cost, expected_profit
    )
    VALUES (NEW.id, NEW.quantity - reserved, reserved, NEW.gross_purchase_price, profit)
    ON CONFLICT (stock_id) DO UPDATE
    SET
      available_quantity = excluded.available_quantity,
      reserved_quantity = excluded.reserved_quantity,
      total_cost = excluded.total_cost,
      expected_profit = excluded.expected_profit,
      last_calculated_at = now(),
      updated_at = greatest(metrics.updated_at, now());
  ELSE
    -- Nothing new reserved needs no row; one that is there is kept right.
    UPDATE inventory.stock_metrics AS metrics
    SET
      available_quantity = NEW.quantity - CASE WHEN written THEN 0 ELSE metrics.reserved_quantity END,
      reserved_quantity = CASE WHEN written THEN 0 ELSE metrics.reserved_quantity END,
      total_cost = NEW.gross_purchase_price,
      expected_profit = profit,
      last_calculated_at = now(),
      updated_at = greatest(metrics.updated_at, now())
    WHERE metrics.stock_id = NEW.id;
  END IF;
  PERFORM set_config('soleflip.syncing', syncing_outside, true);
  RETURN NULL;
END
$function$;

CREATE OR REPLACE TRIGGER soleflip_stock_update_to_metrics
AFTER UPDATE OF quantity, reserved_quantity, gross_purchase_price, roi_percentage ON inventory.stock
FOR EACH ROW
WHEN (
  (OLD.quantity IS DISTINCT FROM NEW.quantity
    OR OLD.reserved_quantity IS DISTINCT FROM NEW.reserved_quantity
    OR OLD.gross_purchase_price IS DISTINCT FROM NEW.gross_purchase_price
    OR OLD.roi_percentage IS DISTINCT FROM NEW.roi_percentage)
  AND current_setting('soleflip.syncing', true) IS DISTINCT FROM 'on'
)
EXECUTE FUNCTION inventory_ops.stock_to_metrics();

CREATE OR REPLACE TRIGGER soleflip_stock_insert_to_metrics
AFTER INSERT ON inventory.stock
FOR EACH ROW
WHEN (NEW.reserved_quantity <> 0)
EXECUTE FUNCTION inventory_ops.stock_to_metrics();

CREATE OR REPLACE FUNCTION inventory_ops.stock_to_financial()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  syncing_outside text := coalesce(current_setting('soleflip.syncing', true), '');
BEGIN
  PERFORM set_config('soleflip.syncing', 'on', true);
  -- Never a new row: stock has all of these columns itself, before and after Phase 2.
  UPDATE inventory.stock_financial AS financial
  SET
    purchase_price = coalesce(NEW.purchase_price, 0),
    gross_purchase_price = coalesce(NEW.gross_purchase_price, 0),
    vat_amount = coalesce(NEW.vat_amount, 0),
    profit_per_shelf_day = NEW.profit_per_shelf_day,
    roi = NEW.roi_percentage,
    updated_at = greatest(financial.updated_at, now())
  WHERE financial.id = (
    SELECT newest.id
    FROM inventory.stock_financial AS newest
    WHERE newest.stock_id = NEW.id
    ORDER BY newest.updated_at DESC, newest.created_at DESC, newest.id DESC
    LIMIT 1
  );
  PERFORM set_config('soleflip.syncing', syncing_outside, true);
  RETURN NULL;
END
$function$;

CREATE OR REPLACE TRIGGER soleflip_stock_update_to_financial
AFTER UPDATE OF purchase_price, gross_purchase_price, vat_amount, profit_per_shelf_day, roi_percentage
ON inventory.stock
FOR EACH ROW
WHEN (
  (OLD.purchase_price IS DISTINCT FROM NEW.purchase_price
    OR OLD.gross_purchase_price IS DISTINCT FROM NEW.gross_purchase_price
    OR OLD.vat_amount IS DISTINCT FROM NEW.vat_amount
    OR OLD.profit_per_shelf_day IS DISTINCT FROM NEW.profit_per_shelf_day
    OR OLD.roi_percentage IS DISTINCT FROM NEW.roi_percentage)
  AND current_setting('soleflip.syncing', true) IS DISTINCT FROM 'on'
)
EXECUTE FUNCTION inventory_ops.stock_to_financial();

-- What no row-by-row rule can carry over -----------------------------------------------------------------------

CREATE OR REPLACE FUNCTION inventory_ops.refuse_legacy_truncation()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RAISE EXCEPTION 'inventory.% mirrors inventory.stock until it is retired and cannot be truncated', TG_TABLE_NAME
    USING HINT = 'Delete the rows you mean with DELETE; retire the table with: soleflip drop-legacy.';
END
$function$;

CREATE OR REPLACE TRIGGER soleflip_refuse_truncation
BEFORE TRUNCATE ON inventory.stock_financial
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.refuse_legacy_truncation();

CREATE OR REPLACE TRIGGER soleflip_refuse_truncation
BEFORE TRUNCATE ON inventory.stock_lifecycle
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.refuse_legacy_truncation();

CREATE OR REPLACE TRIGGER soleflip_refuse_truncation
BEFORE TRUNCATE ON inventory.stock_metrics
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.refuse_legacy_truncation();

-- A trigger function that anybody may call works, with its owner's rights, for triggers on tables of their own.
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA inventory_ops FROM PUBLIC;
