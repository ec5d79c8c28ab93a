-- Gives each stock row that knows a price the stock_financial row that it lacks, after the table was made again.
--
-- Locks: FOR NO KEY UPDATE on these stock rows to the end of the transaction: their writers wait for it, 5 s for a
--        million rows.
-- Again: safe; a stock row that has one is left alone.

DO $$
#variable_conflict use_variable
DECLARE
  ids uuid[];
BEGIN
  -- The synchronisation leaves alone what comes from where it would put it.
  PERFORM set_config('soleflip.writing', pg_trigger_depth()::text, true);

  -- Locked in one statement, read in the next: a writer of these rows is waited for and then seen.
  SELECT array_agg(held.id) INTO ids
  FROM (
    SELECT stock.id
    FROM inventory.stock
    WHERE coalesce(
        stock.purchase_price,
        stock.gross_purchase_price,
        stock.vat_amount,
        stock.profit_per_shelf_day,
        stock.roi_percentage
      ) IS NOT NULL
      AND NOT EXISTS (SELECT FROM inventory.stock_financial WHERE stock_financial.stock_id = stock.id)
    ORDER BY stock.id
    FOR NO KEY UPDATE OF stock
  ) AS held;

  INSERT INTO inventory.stock_financial (
    id,
    stock_id,
    purchase_price,
    gross_purchase_price,
    vat_amount,
    profit_per_shelf_day,
    roi,
    created_at,
    updated_at
  )
  SELECT
    gen_random_uuid(),
    stock.id,
    coalesce(stock.purchase_price, 0),
    coalesce(stock.gross_purchase_price, 0),
    coalesce(stock.vat_amount, 0),
    stock.profit_per_shelf_day,
    stock.roi_percentage,
    now(),
    now()
  FROM inventory.stock
  WHERE stock.id = ANY (ids)
    AND NOT EXISTS (SELECT FROM inventory.stock_financial WHERE stock_financial.stock_id = stock.id);
END
$$;
