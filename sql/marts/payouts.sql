-- What the platforms have paid and what they owe, by month of sale.
--
-- Reads: sold_item
-- Grain: month, platform
-- Unknown: whether a sale was paid out is unknown where the shop did not record it; those are counted, and are in no sum.
-- Columns: month: first day of the month of sale; platform: where; orders: sales; paid: of these; waiting: of these;
--   not_recorded: of these; paid_amount: proceeds that arrived, EUR; waiting_amount: proceeds to come, EUR; median_days: from
--   sale to payout.
-- Locks: none; it reads the warehouse.

SELECT
  sold_item.month AS month,
  sold_item.platform AS platform,
  count(sold_item.order_id) AS orders,
  cast(sum(CASE WHEN sold_item.payout_received THEN 1 ELSE 0 END) AS bigint) AS paid,
  cast(sum(CASE WHEN NOT sold_item.payout_received THEN 1 ELSE 0 END) AS bigint) AS waiting,
  cast(sum(CASE WHEN sold_item.payout_received IS NULL THEN 1 ELSE 0 END) AS bigint) AS not_recorded,
  cast(sum(CASE WHEN sold_item.payout_received THEN sold_item.net_proceeds END) AS decimal(18, 2)) AS paid_amount,
  cast(sum(CASE WHEN NOT sold_item.payout_received THEN sold_item.net_proceeds END) AS decimal(18, 2)) AS waiting_amount,
  percentile_cont(0.5) WITHIN GROUP (
    ORDER BY CASE WHEN sold_item.payout_received THEN cast(sold_item.payout_day - sold_item.sold_day AS integer) END
  ) AS median_days
FROM sold_item
GROUP BY sold_item.month, sold_item.platform;
