-- What is on hand is listed somewhere or nowhere: one item on two platforms counts twice, none is left out.
--
-- Locks: none; it reads the warehouse.

WITH counted AS (
  SELECT
    coalesce(sum(listing_coverage.items), 0) AS listed,
    coalesce(max(listing_coverage.items), 0) AS most
  FROM listing_coverage
),

on_hand AS (
  SELECT count(stock_item.stock_id) AS items
  FROM stock_item
  WHERE stock_item.state = 'on hand'
)

SELECT
  'items left out or counted twice on one platform' AS what,
  CASE WHEN counted.listed < on_hand.items THEN on_hand.items - counted.listed ELSE 0 END
  + CASE WHEN counted.most > on_hand.items THEN counted.most - on_hand.items ELSE 0 END AS found,
  0 AS expected
FROM counted
CROSS JOIN on_hand;
