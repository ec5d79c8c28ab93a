-- What stock amounts to, as of the last refresh: for each status, and in the row without one for all of it.
--
-- Money is EUR with VAT. total_cost and expected_profit of the view are those of one unit, so they are multiplied by
-- the units there are; a row without a price counts into units_without_price and into no sum of money. A row of stock
-- that came after the refresh is not in it, one that has gone since has no status.
--
-- Locks: ACCESS SHARE on the view and on stock for the length of one scan of each.

SELECT
  grouping(stock.status) = 1 AS is_total,
  stock.status,
  count(*) AS rows,
  coalesce(sum(view.total_quantity), 0)::bigint AS units,
  coalesce(sum(view.available_quantity), 0)::bigint AS units_available,
  coalesce(sum(view.reserved_quantity), 0)::bigint AS units_reserved,
  coalesce(sum(view.total_quantity) FILTER (WHERE view.total_cost IS NULL), 0)::bigint AS units_without_price,
  round(coalesce(sum(view.total_quantity * view.total_cost), 0), 2)::float8 AS value_at_cost_eur,
  round(coalesce(sum(view.total_quantity * view.expected_profit), 0), 2)::float8 AS expected_profit_eur
FROM inventory.stock_metrics_view AS view
LEFT JOIN inventory.stock ON stock.id = view.stock_id
GROUP BY GROUPING SETS ((), (stock.status))
ORDER BY is_total DESC, value_at_cost_eur DESC, stock.status;
