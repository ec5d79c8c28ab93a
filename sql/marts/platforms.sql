-- The platforms side by side: what they sell, keep, and how soon they pay.
--
-- Reads: sold_item, load_state
-- Grain: platform
-- Unknown: a sum leaves out what is unknown, and is empty where all of it is. Payout days are measured where the payout's date
--   is recorded.
-- Columns: platform: where; orders: sales; gross_sale: what buyers paid, EUR; fee_percent: what the platform kept, percent of
--   what buyers paid where both are known; profit: EUR; margin: profit, percent of what buyers paid where both are known; roi:
--   percent of the cost; median_payout_days: from sale to payout; unpaid_orders: not paid out yet; unpaid: their proceeds,
--   EUR; orders_7_days, gross_7_days, orders_30_days, gross_30_days: of the last 7 and 30 days.
-- Locks: none; it reads the warehouse.

SELECT
  sold_item.platform AS platform,
  count(sold_item.order_id) AS orders,
  cast(sum(sold_item.gross_sale) AS decimal(18, 2)) AS gross_sale,
  cast(sum(CASE WHEN sold_item.gross_sale IS NOT NULL THEN sold_item.platform_fee END) AS double) * 100
  / nullif(cast(sum(CASE WHEN sold_item.platform_fee IS NOT NULL THEN sold_item.gross_sale END) AS double), 0) AS fee_percent,
  cast(sum(sold_item.profit) AS decimal(18, 2)) AS profit,
  cast(sum(CASE WHEN sold_item.gross_sale IS NOT NULL THEN sold_item.profit END) AS double) * 100
  / nullif(cast(sum(CASE WHEN sold_item.profit IS NOT NULL THEN sold_item.gross_sale END) AS double), 0) AS margin,
  cast(sum(CASE WHEN sold_item.cost IS NOT NULL THEN sold_item.profit END) AS double) * 100
  / nullif(cast(sum(CASE WHEN sold_item.profit IS NOT NULL THEN sold_item.cost END) AS double), 0) AS roi,
  percentile_cont(0.5) WITHIN GROUP (
    ORDER BY CASE WHEN sold_item.payout_received THEN cast(sold_item.payout_day - sold_item.sold_day AS integer) END
  ) AS median_payout_days,
  cast(sum(CASE WHEN NOT sold_item.payout_received THEN 1 ELSE 0 END) AS bigint) AS unpaid_orders,
  cast(sum(CASE WHEN NOT sold_item.payout_received THEN sold_item.net_proceeds END) AS decimal(18, 2)) AS unpaid,
  cast(
    sum(CASE WHEN sold_item.sold_day > cast(load_state.loaded_at AS date) - 7 THEN 1 ELSE 0 END) AS bigint
  ) AS orders_7_days,
  cast(
    sum(CASE WHEN sold_item.sold_day > cast(load_state.loaded_at AS date) - 7 THEN sold_item.gross_sale END)
    AS decimal(18, 2)
  ) AS gross_7_days,
  cast(
    sum(CASE WHEN sold_item.sold_day > cast(load_state.loaded_at AS date) - 30 THEN 1 ELSE 0 END) AS bigint
  ) AS orders_30_days,
  cast(
    sum(CASE WHEN sold_item.sold_day > cast(load_state.loaded_at AS date) - 30 THEN sold_item.gross_sale END)
    AS decimal(18, 2)
  ) AS gross_30_days
FROM sold_item
CROSS JOIN load_state
GROUP BY sold_item.platform;
