-- Gives each stock row the legacy rows that it needs and has not, because a trigger was bypassed.
--
-- Locks: FOR NO KEY UPDATE on those stock rows until the end; there are none unless triggers were bypassed.
-- Again: safe.

DO $$
#variable_conflict use_variable
DECLARE
  ids uuid[];
BEGIN
  -- The synchronisation leaves alone what comes from where it would put it; that of earlier versions asks for syncing.
  PERFORM set_config('soleflip.writing', pg_trigger_depth()::text, true);
  PERFORM set_config('soleflip.syncing', 'on', true);

  -- Locked in one statement, read in the next: a writer of these rows is waited for and then seen.
  SELECT array_agg(held.id) INTO ids
  FROM (
    SELECT stock.id
    FROM inventory.stock
    WHERE (
      (stock.listed_on_platforms IS NOT NULL OR stock.status_history IS NOT NULL)
      AND NOT EXISTS (SELECT FROM inventory.stock_lifecycle WHERE stock_lifecycle.stock_id = stock.id)
    )
    OR (
      stock.reserved_quantity <> 0
      AND NOT EXISTS (SELECT FROM inventory.stock_metrics WHERE stock_metrics.stock_id = stock.id)
    )
    ORDER BY stock.id
    FOR NO KEY UPDATE OF stock
  ) AS held;

  -- Each column by its name: the shop's tables need not have defaults.
  INSERT INTO inventory.stock_lifecycle (
    id, stock_id, shelf_life_days, listed_on_platforms, status_history, created_at, updated_at
  )
  SELECT
    gen_random_uuid(),
    stock.id,
    stock.shelf_life_days,
    stock.listed_on_platforms,
    stock.status_history,
    now(),
    now()
  FROM inventory.stock
  WHERE stock.id = ANY (ids)
    AND (stock.listed_on_platforms IS NOT NULL OR stock.status_history IS NOT NULL)
    AND NOT EXISTS (SELECT FROM inventory.stock_lifecycle WHERE stock_lifecycle.stock_id = stock.id);

  INSERT INTO inventory.stock_metrics (
    id,
    stock_id,
    available_quantity,
    reserved_quantity,
    total_cost,
    expected_profit,
    last_calculated_at,
    created_at,
    updated_at
  )
  SELECT
    gen_random_uuid(),
    stock.id,
    coalesce(stock.quantity - stock.reserved_quantity, 0),
    stock.reserved_quantity,
    stock.gross_purchase_price,
    CASE WHEN stock.roi_percentage > 0 THEN stock.gross_purchase_price * (stock.roi_percentage / 100) END,
    now(),
    now(),
    now()
  FROM inventory.stock
  WHERE stock.id = ANY (ids)
    AND stock.reserved_quantity <> 0
    AND NOT EXISTS (SELECT FROM inventory.stock_metrics WHERE stock_metrics.stock_id = stock.id);
END
$$;
