-- The function that copies one batch of legacy lifecycle and reservation data into stock.
--
-- Locks: none by itself. Each call locks at most `size` stock rows (FOR NO KEY UPDATE) until its commit.
-- Again: safe.
--
-- By hand: call it in transactions of their own until seen is 0, each time with the last id of the call before:
--   SELECT * FROM inventory_ops.backfill_stock(NULL, 1000);

CREATE OR REPLACE FUNCTION inventory_ops.backfill_stock(
  after uuid, size integer, OUT last_id uuid, OUT seen integer, OUT changed integer
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
-- The plan of the first call reads from the start of the index, all others from the middle.
SET plan_cache_mode = force_custom_plan
AS $function$
DECLARE
  ids uuid[];
  syncing_outside text := coalesce(current_setting('soleflip.syncing', true), '');
BEGIN
  -- The triggers of the synchronisation leave alone what is copied here: it comes from where they would put it.
  PERFORM set_config('soleflip.syncing', 'on', true);

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

  WITH legacy AS (
    SELECT DISTINCT ON (batch.id)
      batch.id,
      lifecycle.id IS NOT NULL AS has_lifecycle,
      lifecycle.listed_on_platforms,
      lifecycle.status_history,
      metrics.reserved_quantity
    FROM unnest(ids) AS batch (id)
    LEFT JOIN inventory.stock_lifecycle AS lifecycle ON lifecycle.stock_id = batch.id
    LEFT JOIN inventory.stock_metrics AS metrics ON metrics.stock_id = batch.id
    ORDER BY batch.id, lifecycle.updated_at DESC, lifecycle.created_at DESC, lifecycle.id DESC
  )
  UPDATE inventory.stock
  SET
    listed_on_platforms = CASE
      WHEN legacy.has_lifecycle THEN legacy.listed_on_platforms
      ELSE stock.listed_on_platforms
    END,
    status_history = CASE WHEN legacy.has_lifecycle THEN legacy.status_history ELSE stock.status_history END,
    reserved_quantity = coalesce(legacy.reserved_quantity, stock.reserved_quantity, 0)
  FROM legacy
  WHERE stock.id = legacy.id
    AND (
      (legacy.has_lifecycle AND stock.listed_on_platforms IS DISTINCT FROM legacy.listed_on_platforms)
      OR (legacy.has_lifecycle AND stock.status_history IS DISTINCT FROM legacy.status_history)
      OR stock.reserved_quantity IS DISTINCT FROM coalesce(legacy.reserved_quantity, stock.reserved_quantity, 0)
    );

  GET DIAGNOSTICS changed = ROW_COUNT;
  PERFORM set_config('soleflip.syncing', syncing_outside, true);
END
$function$;

COMMENT ON FUNCTION inventory_ops.backfill_stock(uuid, integer) IS
  'Copies the newest legacy values of the next stock rows, in order of id, into the new columns';

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA inventory_ops FROM PUBLIC;
