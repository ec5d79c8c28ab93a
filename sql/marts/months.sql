-- Month against month: what was sold, with which profit, against the month and the year before.
--
-- Reads: sold_item, calendar
-- Grain: month
-- Unknown: a sum leaves out what is unknown, and is empty where all of it is; growth is empty where there is nothing to
--   compare with. The last month is not over.
-- Columns: month: its first day; orders: sales; gross_sale: what buyers paid, EUR; average_order: EUR; profit: EUR; margin:
--   profit, percent of what buyers paid where both are known; roi: percent of the cost; median_days: from delivery to sale;
--   growth: of gross_sale against the month before, percent; growth_of_year: against the same month a year before, percent.
-- Locks: none; it reads the warehouse.

WITH of_month AS (
  SELECT
    sold_item.month AS month,
    count(sold_item.order_id) AS orders,
    sum(sold_item.gross_sale) AS gross_sale,
    count(sold_item.gross_sale) AS orders_with_price,
    sum(sold_item.profit) AS profit,
    cast(sum(CASE WHEN sold_item.gross_sale IS NOT NULL THEN sold_item.profit END) AS double) * 100
    / nullif(cast(sum(CASE WHEN sold_item.profit IS NOT NULL THEN sold_item.gross_sale END) AS double), 0) AS margin,
    cast(sum(CASE WHEN sold_item.cost IS NOT NULL THEN sold_item.profit END) AS double) * 100
    / nullif(cast(sum(CASE WHEN sold_item.profit IS NOT NULL THEN sold_item.cost END) AS double), 0) AS roi,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY sold_item.days_held) AS median_days
  FROM sold_item
  GROUP BY sold_item.month
),

first_sale AS (
  SELECT min(sold_item.month) AS month
  FROM sold_item
),

month AS (
  SELECT DISTINCT calendar.month AS month
  FROM calendar
  INNER JOIN first_sale ON calendar.month >= first_sale.month
),

-- A month without a sale sold for nothing: that is known.
known AS (
  SELECT
    month.month AS month,
    coalesce(of_month.orders, 0) AS orders,
    CASE WHEN of_month.month IS NULL THEN 0 ELSE of_month.gross_sale END AS gross_sale,
    of_month.orders_with_price AS orders_with_price,
    CASE WHEN of_month.month IS NULL THEN 0 ELSE of_month.profit END AS profit,
    of_month.margin AS margin,
    of_month.roi AS roi,
    of_month.median_days AS median_days
  FROM month
  LEFT JOIN of_month ON of_month.month = month.month
)

SELECT
  known.month AS month,
  known.orders AS orders,
  cast(known.gross_sale AS decimal(18, 2)) AS gross_sale,
  cast(known.gross_sale AS double) / nullif(known.orders_with_price, 0) AS average_order,
  cast(known.profit AS decimal(18, 2)) AS profit,
  known.margin AS margin,
  known.roi AS roi,
  known.median_days AS median_days,
  (cast(known.gross_sale AS double) / nullif(cast(lag(known.gross_sale) OVER past AS double), 0) - 1) * 100 AS growth,
  (cast(known.gross_sale AS double) / nullif(cast(lag(known.gross_sale, 12) OVER past AS double), 0) - 1) * 100
  AS growth_of_year
FROM known
WINDOW past AS (ORDER BY known.month);
