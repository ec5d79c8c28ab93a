-- The function that copies one batch of legacy data into stock, and brings the legacy rows that count up to date.
--
-- What stock does not know it takes from the newest legacy row that does. Then the row that counts says what stock says:
-- also of the facts that a newer row left out, of a shelf life that differed, and of what stock_metrics computes. A
-- stock row that lacks a legacy row for what it says gets one.
--
-- prefer: the side that counts where both say something, 'stock' or 'legacy'. reserved_is_live: whether the 0 of
-- reserved_quantity was written by somebody; in a column that Phase 2 has just added it is a default, and says nothing.
--
-- Locks: none by itself. Each call locks at most `size` stock rows (FOR NO KEY UPDATE) until its commit.
-- Again: safe.
--
-- By hand: call it in transactions of their own until seen is 0, each time with the last id of the call before:
--   SELECT * FROM inventory_ops.backfill_stock(NULL, 1000);

CREATE OR REPLACE FUNCTION inventory_ops.backfill_stock(
  after uuid,
  size integer,
  prefer text DEFAULT 'stock',
  reserved_is_live boolean DEFAULT false,
  OUT last_id uuid,
  OUT seen integer,
  OUT changed integer
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
-- The plan of the first call reads from the start of the index, all others from the middle.
SET plan_cache_mode = force_custom_plan
AS $function$
#variable_conflict use_variable
DECLARE
  ids uuid[];
  writing_outside text := coalesce(current_setting('soleflip.writing', true), '');
BEGIN
  -- The rows are locked in one statement and the legacy rows read in the next, with a newer snapshot: in
  -- one statement, a row that a writer held meanwhile would get the legacy values from before that writer.
  WITH batch AS (
    SELECT stock.id
    FROM inventory.stock
    WHERE after IS NULL OR stock.id > after
    ORDER BY stock.id
    LIMIT size
    FOR NO KEY UPDATE
  )
  SELECT array_agg(batch.id ORDER BY batch.id) INTO ids FROM batch;

  seen := coalesce(cardinality(ids), 0);
  last_id := ids[seen];

  -- The triggers of the synchronisation leave alone what is copied here; what they would do is done for all rows below.
  PERFORM set_config('soleflip.writing', pg_trigger_depth()::text, true);
  WITH legacy AS (
    SELECT
      stock.id,
      coalesce(CASE WHEN prefer = 'legacy' THEN lifecycle.listed_on_platforms END, stock.listed_on_platforms, lifecycle.listed_on_platforms) AS listed_on_platforms,
      coalesce(CASE WHEN prefer = 'legacy' THEN lifecycle.status_history END, stock.status_history, lifecycle.status_history) AS status_history,
      coalesce(CASE WHEN prefer = 'legacy' THEN lifecycle.shelf_life_days END, stock.shelf_life_days, lifecycle.shelf_life_days) AS shelf_life_days,
      coalesce(
        CASE WHEN reserved_is_live AND prefer = 'stock' THEN stock.reserved_quantity END,
        metrics.reserved_quantity,
        stock.reserved_quantity,
        0
      ) AS reserved_quantity,
      coalesce(CASE WHEN prefer = 'legacy' THEN financial.purchase_price END, stock.purchase_price, financial.purchase_price) AS purchase_price,
      coalesce(CASE WHEN prefer = 'legacy' THEN financial.gross_purchase_price END, stock.gross_purchase_price, financial.gross_purchase_price) AS gross_purchase_price,
      coalesce(CASE WHEN prefer = 'legacy' THEN financial.vat_amount END, stock.vat_amount, financial.vat_amount) AS vat_amount,
      coalesce(CASE WHEN prefer = 'legacy' THEN financial.profit_per_shelf_day END, stock.profit_per_shelf_day, financial.profit_per_shelf_day) AS profit_per_shelf_day,
      coalesce(CASE WHEN prefer = 'legacy' THEN financial.roi END, stock.roi_percentage, financial.roi) AS roi_percentage
    FROM inventory.stock
    LEFT JOIN inventory_ops.newest_lifecycle(ids) AS lifecycle ON lifecycle.stock_id = stock.id
    LEFT JOIN inventory_ops.newest_financial(ids) AS financial ON financial.stock_id = stock.id
    LEFT JOIN inventory.stock_metrics AS metrics ON metrics.stock_id = stock.id
    WHERE stock.id = ANY (ids)
  )
  UPDATE inventory.stock
  SET
    listed_on_platforms = legacy.listed_on_platforms,
    status_history = legacy.status_history,
    shelf_life_days = legacy.shelf_life_days,
    reserved_quantity = legacy.reserved_quantity,
    purchase_price = legacy.purchase_price,
    gross_purchase_price = legacy.gross_purchase_price,
    vat_amount = legacy.vat_amount,
    profit_per_shelf_day = legacy.profit_per_shelf_day,
    roi_percentage = legacy.roi_percentage
  FROM legacy
  WHERE stock.id = legacy.id
    AND (
      stock.listed_on_platforms IS DISTINCT FROM legacy.listed_on_platforms
      OR stock.status_history IS DISTINCT FROM legacy.status_history
      OR stock.shelf_life_days IS DISTINCT FROM legacy.shelf_life_days
      OR stock.reserved_quantity IS DISTINCT FROM legacy.reserved_quantity
      OR stock.purchase_price IS DISTINCT FROM legacy.purchase_price
      OR stock.gross_purchase_price IS DISTINCT FROM legacy.gross_purchase_price
      OR stock.vat_amount IS DISTINCT FROM legacy.vat_amount
      OR stock.profit_per_shelf_day IS DISTINCT FROM legacy.profit_per_shelf_day
      OR stock.roi_percentage IS DISTINCT FROM legacy.roi_percentage
    );
  GET DIAGNOSTICS changed = ROW_COUNT;
  PERFORM set_config('soleflip.writing', writing_outside, true);

  PERFORM inventory_ops.give_lifecycle(stock.id, '{}', learns => '{shelf_life_days,listed_on_platforms,status_history}')
  FROM inventory.stock
  LEFT JOIN inventory.stock_lifecycle AS lifecycle ON lifecycle.stock_id = stock.id
  WHERE stock.id = ANY (ids)
    AND (lifecycle.id IS NOT NULL OR stock.listed_on_platforms IS NOT NULL OR stock.status_history IS NOT NULL)
    AND (
      lifecycle.shelf_life_days IS DISTINCT FROM stock.shelf_life_days
      OR lifecycle.listed_on_platforms IS DISTINCT FROM stock.listed_on_platforms
      OR lifecycle.status_history IS DISTINCT FROM stock.status_history
    )
    AND lifecycle.id IS NOT DISTINCT FROM inventory_ops.counting_row('stock_lifecycle', stock.id);

  PERFORM inventory_ops.give_financial(financial.stock_id, '{}', learns => '{purchase_price,gross_purchase_price,vat_amount,profit_per_shelf_day,roi}')
  FROM inventory.stock_financial AS financial
  JOIN inventory.stock ON stock.id = financial.stock_id
  WHERE financial.stock_id = ANY (ids)
    AND (
      financial.purchase_price IS DISTINCT FROM coalesce(stock.purchase_price, 0)
      OR financial.gross_purchase_price IS DISTINCT FROM coalesce(stock.gross_purchase_price, 0)
      OR financial.vat_amount IS DISTINCT FROM coalesce(stock.vat_amount, 0)
      OR financial.profit_per_shelf_day IS DISTINCT FROM stock.profit_per_shelf_day
      OR financial.roi IS DISTINCT FROM stock.roi_percentage
    )
    AND financial.id = inventory_ops.counting_row('stock_financial', stock.id);

  PERFORM inventory_ops.give_metrics(stock.id, '{reserved_quantity}')
  FROM inventory.stock
  LEFT JOIN inventory.stock_metrics AS metrics ON metrics.stock_id = stock.id
  WHERE stock.id = ANY (ids)
    AND (metrics.id IS NOT NULL OR stock.reserved_quantity <> 0)
    AND (
      metrics.reserved_quantity IS DISTINCT FROM stock.reserved_quantity
      OR metrics.available_quantity IS DISTINCT FROM coalesce(stock.quantity - stock.reserved_quantity, 0)
      OR metrics.total_cost IS DISTINCT FROM stock.gross_purchase_price
      OR metrics.expected_profit IS DISTINCT FROM CASE
        WHEN stock.roi_percentage > 0 THEN stock.gross_purchase_price * (stock.roi_percentage / 100)
      END::numeric(15, 2)
    );
END
$function$;

COMMENT ON FUNCTION inventory_ops.backfill_stock(uuid, integer, text, boolean) IS
  'Copies the newest legacy values of the next stock rows, in order of id, into what stock does not know';

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA inventory_ops FROM PUBLIC;
