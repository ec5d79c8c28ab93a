-- The sample's dates, which end on 2025-11-29, moved up to now: most of what lies there came lately, some of it long ago.
--
-- What is sold was sold within the last 35 days, after which the sample shop archives it. Whatever is counted in days is
-- counted anew.
--
-- Locks: ROW EXCLUSIVE on stock, to the end of the transaction.

WITH age AS (
  SELECT
    stock.id,
    extract(EPOCH FROM timestamptz '2025-11-29 00:00:00+00' - stock.purchase_date) / 86400 AS days,
    coalesce(extract(EPOCH FROM stock.delivery_date - stock.purchase_date) / 86400, 0) AS days_of_delivery,
    coalesce(extract(EPOCH FROM stock.updated_at - stock.delivery_date) / 86400, 0) AS days_of_story,
    ('x' || substr(md5(stock.id::text), 1, 6))::bit(24)::integer / 16777216.0 AS drawn
  FROM inventory.stock
),

moved AS (
  SELECT
    age.id,
    CASE
      WHEN stock.delivery_date IS NULL THEN now() - age.days * interval '1 day'
      WHEN stock.status = 'sold'
        THEN now() - (33 * age.drawn + 0.1 + least(age.days_of_story, 90) + age.days_of_delivery) * interval '1 day'
      -- At 0 it was delivered a day ago, at 698 days it stays as old as it was.
      ELSE now() - (age.days * power(age.days / 698, 1.3) + 1 + age.days_of_delivery) * interval '1 day'
    END AS purchase_date,
    age.days_of_delivery,
    -- What happened after the delivery happened in the same share of the time until now.
    CASE
      WHEN stock.status = 'sold' THEN least(age.days_of_story, 90)
      ELSE
        (age.days * power(age.days / 698, 1.3) + 1)
        * least(age.days_of_story / greatest(age.days - age.days_of_delivery, 0.1), 0.99)
    END AS days_of_story
  FROM age
  INNER JOIN inventory.stock ON stock.id = age.id
),

told AS (
  SELECT
    moved.id,
    moved.purchase_date,
    CASE
      WHEN stock.delivery_date IS NOT NULL THEN moved.purchase_date + moved.days_of_delivery * interval '1 day'
    END AS delivery_date,
    least(moved.purchase_date + (stock.created_at - stock.purchase_date), now() - interval '1 minute') AS created_at,
    moved.days_of_story
  FROM moved
  INNER JOIN inventory.stock ON stock.id = moved.id
),

counted AS (
  SELECT
    told.id,
    told.purchase_date,
    told.delivery_date,
    told.created_at,
    greatest(coalesce(told.delivery_date + told.days_of_story * interval '1 day', told.created_at), told.created_at)
      AS updated_at,
    CASE
      WHEN stock.status = 'sold' THEN floor(told.days_of_story)
      ELSE floor(extract(EPOCH FROM now() - told.delivery_date) / 86400)
    END::integer AS shelf_life_days
  FROM told
  INNER JOIN inventory.stock ON stock.id = told.id
)

UPDATE inventory.stock
SET
  purchase_date = counted.purchase_date,
  delivery_date = counted.delivery_date,
  created_at = counted.created_at,
  updated_at = counted.updated_at,
  shelf_life_days = counted.shelf_life_days,
  profit_per_shelf_day = round(
    CASE WHEN stock.roi_percentage > 0 THEN stock.gross_purchase_price * (stock.roi_percentage / 100) END
    / nullif(counted.shelf_life_days, 0),
    2
  )
FROM counted
WHERE stock.id = counted.id;
