-- Where what is on hand is offered, and for how long; and what is offered nowhere.
--
-- Reads: stock_item, load_state
-- Grain: platform
-- Unknown: a listing that carries no date (listed_at or timestamp) is counted and has no age.
-- Columns: platform: where it is listed and active, by its listings or its status, or nowhere; items: rows of stock on hand
--   that are; units: of these; share_of_items: percent of all that is on hand; undated: of these, age unknown; median_days:
--   since it was listed; over_90_days: items that were listed longer ago.
-- Locks: none; it reads the warehouse.

WITH place AS (
  -- An item has at most so many listings; the longest list that was seen has four.
  SELECT ten.n AS n
  FROM (VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9), (10), (11), (12)) AS ten (n)
),

-- PostgreSQL writes jsonb in one way: the objects of a list stand between "}, {".
listed AS (
  SELECT
    stock_item.stock_id AS stock_id,
    stock_item.quantity AS units,
    stock_item.listings AS listings,
    length(stock_item.listings) - length(replace(stock_item.listings, '}, {', '')) AS characters_between
  FROM stock_item
  WHERE stock_item.state = 'on hand' AND stock_item.listings LIKE '%"platform": "%'
),

listing AS (
  SELECT
    listed.stock_id AS stock_id,
    listed.units AS units,
    split_part(listed.listings, '}, {', place.n) AS text
  FROM listed
  INNER JOIN place ON 4 * (place.n - 1) <= listed.characters_between
),

dated AS (
  SELECT
    listing.stock_id AS stock_id,
    listing.units AS units,
    listing.text AS text,
    regexp_extract(
      listing.text, '"(listed_at|timestamp)": "([1-9][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]))', 2
    ) AS day
  FROM listing
),

named AS (
  SELECT
    dated.stock_id AS stock_id,
    dated.units AS units,
    regexp_extract(dated.text, '"platform": "([^"]*)"', 1) AS platform,
    -- From the first of the month on: nobody checks what a listing says, and one on the 31st of February ended all marts.
    CASE
      WHEN dated.day <> '' THEN cast(concat(substring(dated.day, 1, 8), '01') AS date) + cast(substring(dated.day, 9, 2) AS integer) - 1
    END AS listed_day
  FROM dated
  WHERE
    dated.text LIKE '%"platform": "%'
    AND (dated.text LIKE '%"status": "active"%' OR dated.text NOT LIKE '%"status": %')
  UNION ALL
  -- The status alone may say it, too: listed_stockx.
  SELECT
    stock_item.stock_id AS stock_id,
    stock_item.quantity AS units,
    replace(stock_item.status, 'listed_', '') AS platform,
    cast(NULL AS date) AS listed_day
  FROM stock_item
  WHERE stock_item.state = 'on hand' AND substring(stock_item.status, 1, 7) = 'listed_'
),

active AS (
  SELECT
    named.stock_id AS stock_id,
    named.platform AS platform,
    max(named.units) AS units,
    -- Of several listings on one platform, since the first.
    min(named.listed_day) AS listed_day
  FROM named
  GROUP BY named.stock_id, named.platform
),

offered AS (
  SELECT active.platform AS platform, active.units AS units, active.listed_day AS listed_day
  FROM active
  UNION ALL
  SELECT 'nowhere' AS platform, stock_item.quantity AS units, cast(NULL AS date) AS listed_day
  FROM stock_item
  LEFT JOIN active ON active.stock_id = stock_item.stock_id
  WHERE stock_item.state = 'on hand' AND active.stock_id IS NULL
),

aged AS (
  SELECT
    offered.platform AS platform,
    offered.units AS units,
    cast(cast(load_state.loaded_at AS date) - offered.listed_day AS integer) AS days
  FROM offered
  CROSS JOIN load_state
),

on_hand AS (
  SELECT count(stock_item.stock_id) AS items
  FROM stock_item
  WHERE stock_item.state = 'on hand'
)

SELECT
  aged.platform AS platform,
  count(aged.platform) AS items,
  cast(sum(aged.units) AS bigint) AS units,
  cast(count(aged.platform) AS double) * 100 / max(on_hand.items) AS share_of_items,
  cast(sum(CASE WHEN aged.days IS NULL AND aged.platform <> 'nowhere' THEN 1 ELSE 0 END) AS bigint) AS undated,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY aged.days) AS median_days,
  cast(sum(CASE WHEN aged.days > 90 THEN 1 ELSE 0 END) AS bigint) AS over_90_days
FROM aged
CROSS JOIN on_hand
GROUP BY aged.platform;
