-- Of what was bought in a month, how much was sold, and how soon.
--
-- Reads: stock_item, load_state
-- Grain: month
-- Unknown: a share within 30, 60 or 90 days is empty until that many days have passed for the whole month, and where an
--   item's day of sale is unknown. Items without a purchase date are in no month.
-- Columns: month: first day of the month of purchase; bought: items; sold: of these, by now; on_hand: of these, by now;
--   sold_undated: sold, when is unknown; sold_within_30, sold_within_60, sold_within_90: percent of bought that were sold so
--   many days after the purchase; sold_percent: percent sold by now.
-- Locks: none; it reads the warehouse.

WITH bought AS (
  SELECT
    cast(date_trunc('month', stock_item.bought_day) AS date) AS month,
    stock_item.state AS state,
    stock_item.sold_at AS sold_at,
    cast(cast(stock_item.sold_at AS date) - stock_item.bought_day AS integer) AS days
  FROM stock_item
  WHERE stock_item.bought_day IS NOT NULL
),

counted AS (
  SELECT
    bought.month AS month,
    count(bought.state) AS bought,
    cast(sum(CASE WHEN bought.state = 'sold' THEN 1 ELSE 0 END) AS bigint) AS sold,
    cast(sum(CASE WHEN bought.state = 'on hand' THEN 1 ELSE 0 END) AS bigint) AS on_hand,
    cast(sum(CASE WHEN bought.state = 'sold' AND bought.days IS NULL THEN 1 ELSE 0 END) AS bigint) AS sold_undated,
    cast(sum(CASE WHEN bought.days <= 30 THEN 1 ELSE 0 END) AS bigint) AS within_30,
    cast(sum(CASE WHEN bought.days <= 60 THEN 1 ELSE 0 END) AS bigint) AS within_60,
    cast(sum(CASE WHEN bought.days <= 90 THEN 1 ELSE 0 END) AS bigint) AS within_90
  FROM bought
  GROUP BY bought.month
)

SELECT
  counted.month AS month,
  counted.bought AS bought,
  counted.sold AS sold,
  counted.on_hand AS on_hand,
  counted.sold_undated AS sold_undated,
  -- The month's last day is at most 31 days after its first.
  CASE
    WHEN counted.sold_undated = 0 AND counted.month + 31 + 30 <= cast(load_state.loaded_at AS date)
      THEN cast(counted.within_30 AS double) * 100 / counted.bought
  END AS sold_within_30,
  CASE
    WHEN counted.sold_undated = 0 AND counted.month + 31 + 60 <= cast(load_state.loaded_at AS date)
      THEN cast(counted.within_60 AS double) * 100 / counted.bought
  END AS sold_within_60,
  CASE
    WHEN counted.sold_undated = 0 AND counted.month + 31 + 90 <= cast(load_state.loaded_at AS date)
      THEN cast(counted.within_90 AS double) * 100 / counted.bought
  END AS sold_within_90,
  cast(counted.sold AS double) * 100 / counted.bought AS sold_percent
FROM counted
CROSS JOIN load_state;
