-- How prices were changed, by month: what an item had cost, and what is asked for it.
--
-- Reads: stock_event
-- Grain: month, price
-- Unknown: a price that was not known before or after is no change. What is asked is that of the item's first listing; where
--   it says none, there is none to change.
-- Columns: month: first day of the month; price: purchase or asking; changes: how many; raised: of these; lowered: of these;
--   median_percent: by how much, percent of the price before.
-- Locks: none; it reads the warehouse.

-- Few items' prices ever change: only of these, their first price is looked for.
WITH repriced AS (
  SELECT DISTINCT stock_event.stock_id AS stock_id
  FROM stock_event
  WHERE ',' || stock_event.changed || ',' LIKE '%,gross_purchase_price,%'
),

relisted AS (
  SELECT DISTINCT stock_event.stock_id AS stock_id
  FROM stock_event
  WHERE ',' || stock_event.changed || ',' LIKE '%,listed_on_platforms,%'
),

purchase AS (
  SELECT
    stock_event.kind AS kind,
    stock_event.occurred_at AS occurred_at,
    stock_event.gross_purchase_price AS price,
    lag(stock_event.gross_purchase_price) OVER (
      PARTITION BY stock_event.stock_id ORDER BY stock_event.occurred_at, stock_event.event_id
    ) AS price_before
  FROM stock_event
  INNER JOIN repriced ON repriced.stock_id = stock_event.stock_id
  WHERE
    stock_event.kind = 'baseline'
    OR stock_event.kind = 'insert'
    OR ',' || stock_event.changed || ',' LIKE '%,gross_purchase_price,%'
),

listed AS (
  SELECT
    stock_event.stock_id AS stock_id,
    stock_event.event_id AS event_id,
    stock_event.kind AS kind,
    stock_event.occurred_at AS occurred_at,
    regexp_extract(stock_event.listed_on_platforms, '"ask_price": "?([0-9]{1,8}([.][0-9]*)?)[^0-9.]', 1) AS price
  FROM stock_event
  INNER JOIN relisted ON relisted.stock_id = stock_event.stock_id
  WHERE
    stock_event.kind = 'baseline'
    OR stock_event.kind = 'insert'
    OR ',' || stock_event.changed || ',' LIKE '%,listed_on_platforms,%'
),

asking AS (
  SELECT
    listed.kind AS kind,
    listed.occurred_at AS occurred_at,
    CASE WHEN listed.price <> '' THEN cast(listed.price AS decimal(10, 2)) END AS price,
    lag(CASE WHEN listed.price <> '' THEN cast(listed.price AS decimal(10, 2)) END) OVER (
      PARTITION BY listed.stock_id ORDER BY listed.occurred_at, listed.event_id
    ) AS price_before
  FROM listed
),

change AS (
  SELECT
    cast(date_trunc('month', cast(purchase.occurred_at AS date)) AS date) AS month,
    'purchase' AS price,
    purchase.price AS after,
    purchase.price_before AS before
  FROM purchase
  WHERE purchase.kind = 'update' AND purchase.price <> purchase.price_before
  UNION ALL
  SELECT
    cast(date_trunc('month', cast(asking.occurred_at AS date)) AS date) AS month,
    'asking' AS price,
    asking.price AS after,
    asking.price_before AS before
  FROM asking
  WHERE asking.kind = 'update' AND asking.price <> asking.price_before
)

SELECT
  change.month AS month,
  change.price AS price,
  count(change.after) AS changes,
  cast(sum(CASE WHEN change.after > change.before THEN 1 ELSE 0 END) AS bigint) AS raised,
  cast(sum(CASE WHEN change.after < change.before THEN 1 ELSE 0 END) AS bigint) AS lowered,
  percentile_cont(0.5) WITHIN GROUP (
    ORDER BY cast(change.after - change.before AS double) * 100 / nullif(cast(change.before AS double), 0)
  ) AS median_percent
FROM change
GROUP BY change.month, change.price;
