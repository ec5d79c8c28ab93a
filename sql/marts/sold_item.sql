-- Every sale with what was sold: names, cost, profit and how long it took.
--
-- Reads: sale, stock_item
-- Grain: order_id
-- Unknown: profit is what the shop recorded, else what arrived less what the unit had cost; empty where that is unknown, too.
--   Names and cost are unknown where the log never saw the item.
-- Columns: order_id: of the order; stock_id: the item; sold_day: when, in UTC; month: its first day; platform: where; country:
--   where to; product: name; sku: the maker's number; brand: name; category: name; size: as printed; supplier: name;
--   gross_sale: what the buyer paid, EUR; platform_fee: what the platform kept, EUR; shipping_cost: EUR; net_proceeds: what
--   arrives after fees, EUR; cost: what the unit had cost, with VAT, EUR; profit: EUR; days_held: from delivery to sale;
--   payout_received: whether the platform has paid; payout_day: when it paid or is to pay.
-- Locks: none; it reads the warehouse.

SELECT
  sale.order_id AS order_id,
  sale.stock_id AS stock_id,
  sale.sold_day AS sold_day,
  cast(date_trunc('month', sale.sold_day) AS date) AS month,
  sale.platform AS platform,
  sale.country AS country,
  coalesce(stock_item.product, 'unknown') AS product,
  coalesce(stock_item.sku, 'unknown') AS sku,
  coalesce(stock_item.brand, 'unknown') AS brand,
  coalesce(stock_item.category, 'unknown') AS category,
  coalesce(stock_item.size, 'unknown') AS size,
  coalesce(stock_item.supplier, 'unknown') AS supplier,
  sale.gross_sale AS gross_sale,
  sale.platform_fee AS platform_fee,
  sale.shipping_cost AS shipping_cost,
  sale.net_proceeds AS net_proceeds,
  stock_item.gross_purchase_price AS cost,
  cast(coalesce(sale.net_profit, sale.net_proceeds - stock_item.gross_purchase_price) AS decimal(12, 2)) AS profit,
  cast(sale.sold_day - stock_item.held_since AS integer) AS days_held,
  sale.payout_received AS payout_received,
  sale.payout_day AS payout_day
FROM sale
LEFT JOIN stock_item ON stock_item.stock_id = sale.stock_id;
