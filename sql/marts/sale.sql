-- Every sale: an order that was sold and not called off, with its platform and its country.
--
-- Reads: sales_order, platform
-- Grain: order_id
-- Unknown: an order without sold_at is no sale yet. Money that the shop did not record stays empty; a platform or country
--   that it did not record is called unknown.
-- Columns: order_id: of the order; stock_id: the item that was sold; sold_at: when; sold_day: the day of it, in UTC;
--   platform: where; country: where to; gross_sale: what the buyer paid, EUR; platform_fee: what the platform kept, EUR;
--   shipping_cost: what sending it cost, EUR; net_proceeds: what arrives after fees, EUR; net_profit: what the shop
--   recorded as profit, EUR; payout_received: whether the platform has paid; payout_day: when it paid or is to pay.
-- Locks: none; it reads the warehouse.

SELECT
  sales_order.id AS order_id,
  sales_order.stock_id AS stock_id,
  sales_order.sold_at AS sold_at,
  cast(sales_order.sold_at AS date) AS sold_day,
  coalesce(platform.name, 'unknown') AS platform,
  coalesce(sales_order.buyer_destination_country, 'unknown') AS country,
  sales_order.gross_sale AS gross_sale,
  sales_order.platform_fee AS platform_fee,
  sales_order.shipping_cost AS shipping_cost,
  sales_order.net_proceeds AS net_proceeds,
  sales_order.net_profit AS net_profit,
  sales_order.payout_received AS payout_received,
  cast(sales_order.payout_date AS date) AS payout_day
FROM sales_order
LEFT JOIN platform ON platform.id = sales_order.platform_id
WHERE
  sales_order.sold_at IS NOT NULL
  -- A platform writes DID_NOT_SHIP, another DIDNOTSHIP: both are compared without the line.
  AND lower(replace(coalesce(sales_order.status, ''), '_', '')) NOT IN (
    'cancelled', 'canceled', 'authfailed', 'didnotship', 'returned', 'refunded', 'rejected', 'declined', 'failed', 'void'
  );
