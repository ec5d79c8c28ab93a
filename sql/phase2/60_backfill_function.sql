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
    SELECT
      batch.id,
      lifecycle.id IS NOT NULL AS has_lifecycle,
      lifecycle.listed_on_platforms,
      lifecycle.status_history,
      metrics.reserved_quantity
    FROM unnest(ids) AS batch (id)
    LEFT JOIN LATERAL (
      SELECT newest.id, newest.listed_on_platforms, newest.status_history
      FROM inventory.stock_lifecycle AS newest
      WHERE newest.stock_id = batch.id
      ORDER BY newest.updated_at DESC, newest.created_at DESC, newest.id DESC
      LIMIT 1
    ) AS lifecycle ON true
    LEFT JOIN inventory.stock_metrics AS metrics ON metrics.stock_id = batch.id
  ),
  migrated AS (
    SELECT
      stock.id,
      CASE WHEN legacy.has_lifecycle THEN legacy.listed_on_platforms ELSE stock.listed_on_platforms END
        AS listed_on_platforms,
      CASE WHEN legacy.has_lifecycle THEN legacy.status_history ELSE stock.status_history END AS status_history,
      coalesce(legacy.reserved_quantity, stock.reserved_quantity, 0) AS reserved_quantity
    FROM legacy
    JOIN inventory.stock ON stock.id = legacy.id
  )
  UPDATE inventory.stock
  SET
    listed_on_platforms = migrated.listed_on_platforms,
    status_history = migrated.status_history,
    reserved_quantity = migrated.reserved_quantity
  FROM migrated
  WHERE stock.id = migrated.id
    AND (stock.listed_on_platforms, stock.status_history, stock.reserved_quantity)
      IS DISTINCT FROM (migrated.listed_on_platforms, migrated.status_history, migrated.reserved_quantity);

  GET DIAGNOSTICS changed = ROW_COUNT;
  PERFORM set_config('soleflip.syncing', syncing_outside, true);
END
$function$;

COMMENT ON FUNCTION inventory_ops.backfill_stock(uuid, integer) IS
  'Copies the newest legacy values of the next stock rows, in order of id, into the new columns';

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA inventory_ops FROM PUBLIC;
