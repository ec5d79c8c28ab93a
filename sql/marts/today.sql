-- The day's figures, in one row: what is on hand, what lies too long, what was sold, what is owed.
--
-- Reads: load_state, stock_event, stock_item, sold_item
-- Grain: loaded_at
-- Unknown: figures of stock are empty where the log has no event, figures of sales where no sale is known, which is so where
--   the shop has no table of orders. Sums leave out what is unknown; the counts of units and orders beside them say how much
--   that is.
-- Columns: loaded_at: what was so at this time; database: where; log_began_at: since when the log knows; items: rows of
--   stock on hand; units: of
--   these; units_without_price: price unknown; value: what the others cost, with VAT, EUR; dead_items: on hand over 180 days;
--   dead_value: what they cost, EUR; bought_30_days: items bought in the last 30 days; orders_30_days: sales of the last 30
--   days; gross_30_days: what buyers paid, EUR; profit_30_days: EUR; gross_before: of the 30 days before these, EUR;
--   profit_before: EUR; unpaid_orders: sales that no platform has paid yet; unpaid: their proceeds, EUR.
-- Locks: none; it reads the warehouse.

WITH clock AS (
  SELECT
    load_state.loaded_at AS loaded_at,
    load_state.database AS database,
    cast(load_state.loaded_at AS date) AS day
  FROM load_state
),

began AS (
  SELECT min(stock_event.occurred_at) AS log_began_at
  FROM stock_event
),

stock AS (
  SELECT
    sum(CASE WHEN stock_item.state = 'on hand' THEN 1 ELSE 0 END) AS items,
    sum(CASE WHEN stock_item.state = 'on hand' THEN stock_item.quantity ELSE 0 END) AS units,
    sum(
      CASE WHEN stock_item.state = 'on hand' AND stock_item.gross_purchase_price IS NULL THEN stock_item.quantity ELSE 0 END
    ) AS units_without_price,
    sum(CASE WHEN stock_item.state = 'on hand' THEN stock_item.quantity * stock_item.gross_purchase_price END) AS value,
    sum(CASE WHEN stock_item.state = 'on hand' AND stock_item.held_since < clock.day - 180 THEN 1 ELSE 0 END) AS dead_items,
    sum(
      CASE
        WHEN stock_item.state = 'on hand' AND stock_item.held_since < clock.day - 180
          THEN stock_item.quantity * stock_item.gross_purchase_price
      END
    ) AS dead_value,
    sum(CASE WHEN stock_item.bought_day > clock.day - 30 THEN 1 ELSE 0 END) AS bought_30_days
  FROM stock_item
  CROSS JOIN clock
),

sold AS (
  SELECT
    count(sold_item.order_id) AS orders,
    count(CASE WHEN sold_item.sold_day > clock.day - 30 THEN 1 END) AS orders_30_days,
    sum(CASE WHEN sold_item.sold_day > clock.day - 30 THEN sold_item.gross_sale END) AS gross_30_days,
    sum(CASE WHEN sold_item.sold_day > clock.day - 30 THEN sold_item.profit END) AS profit_30_days,
    count(CASE WHEN sold_item.sold_day > clock.day - 60 AND sold_item.sold_day <= clock.day - 30 THEN 1 END) AS orders_before,
    sum(
      CASE WHEN sold_item.sold_day > clock.day - 60 AND sold_item.sold_day <= clock.day - 30 THEN sold_item.gross_sale END
    ) AS gross_before,
    sum(
      CASE WHEN sold_item.sold_day > clock.day - 60 AND sold_item.sold_day <= clock.day - 30 THEN sold_item.profit END
    ) AS profit_before,
    count(sold_item.payout_received) AS payouts_recorded,
    count(CASE WHEN NOT sold_item.payout_received THEN 1 END) AS unpaid_orders,
    sum(CASE WHEN NOT sold_item.payout_received THEN sold_item.net_proceeds END) AS unpaid
  FROM sold_item
  CROSS JOIN clock
)

-- Where nothing is to be summed, nothing is known of it, or the sum is known to be zero.
SELECT
  clock.loaded_at AS loaded_at,
  clock.database AS database,
  began.log_began_at AS log_began_at,
  cast(stock.items AS bigint) AS items,
  cast(stock.units AS bigint) AS units,
  cast(stock.units_without_price AS bigint) AS units_without_price,
  cast(CASE WHEN stock.items = 0 THEN 0 ELSE stock.value END AS decimal(18, 2)) AS value,
  cast(stock.dead_items AS bigint) AS dead_items,
  cast(CASE WHEN stock.dead_items = 0 THEN 0 ELSE stock.dead_value END AS decimal(18, 2)) AS dead_value,
  cast(stock.bought_30_days AS bigint) AS bought_30_days,
  CASE WHEN sold.orders > 0 THEN sold.orders_30_days END AS orders_30_days,
  cast(
    CASE WHEN sold.orders > 0 AND sold.orders_30_days = 0 THEN 0 ELSE sold.gross_30_days END AS decimal(18, 2)
  ) AS gross_30_days,
  cast(
    CASE WHEN sold.orders > 0 AND sold.orders_30_days = 0 THEN 0 ELSE sold.profit_30_days END AS decimal(18, 2)
  ) AS profit_30_days,
  cast(
    CASE WHEN sold.orders > 0 AND sold.orders_before = 0 THEN 0 ELSE sold.gross_before END AS decimal(18, 2)
  ) AS gross_before,
  cast(
    CASE WHEN sold.orders > 0 AND sold.orders_before = 0 THEN 0 ELSE sold.profit_before END AS decimal(18, 2)
  ) AS profit_before,
  CASE WHEN sold.payouts_recorded > 0 THEN sold.unpaid_orders END AS unpaid_orders,
  cast(
    CASE WHEN sold.payouts_recorded > 0 AND sold.unpaid_orders = 0 THEN 0 ELSE sold.unpaid END AS decimal(18, 2)
  ) AS unpaid
FROM clock
CROSS JOIN began
CROSS JOIN stock
CROSS JOIN sold;
