-- No stock_metrics row has more reserved than its stock row has, or less than nothing.
--
-- Where Phase 2 was applied by hand, stock says what is reserved, unless told otherwise (sides_agree).
--
-- Effect: stops until begun
-- Locks: ACCESS SHARE on stock and stock_metrics for the length of the query.
-- Fix: Correct reserved_quantity or quantity of the items listed: stock would promise what is not there.
-- Until: drop_legacy_tables

SELECT
  count(*) = 0 AS passed,
  count(*) FILTER (WHERE metrics.reserved_quantity < 0) AS negative,
  count(*) FILTER (WHERE metrics.reserved_quantity > 0) AS more_than_there_is,
  (
    array_agg(
      format('stock %s: %s of %s reserved', stock.id, metrics.reserved_quantity, stock.quantity)
      ORDER BY stock.id
    )
  )[1:20] AS examples
FROM inventory.stock_metrics AS metrics
JOIN inventory.stock ON stock.id = metrics.stock_id
WHERE (metrics.reserved_quantity < 0 OR metrics.reserved_quantity > greatest(stock.quantity, 0))
  AND (
    NOT CAST(:reserved_is_live AS boolean)
    OR CAST(:prefer AS text) = 'legacy'
    OR to_jsonb(stock.*) ->> 'reserved_quantity' IS NULL
  );
