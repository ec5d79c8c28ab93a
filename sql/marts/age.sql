-- How long what is on hand has been lying, in buckets.
--
-- Reads: stock_item, load_state
-- Grain: bucket
-- Unknown: an item without a delivery or purchase date is in the bucket unknown.
-- Columns: place: for sorting; bucket: days since the delivery, else since the purchase; items: rows of stock; units: of
--   these; units_without_price: units whose price is unknown; value: what the others cost, with VAT, EUR.
-- Locks: none; it reads the warehouse.

WITH bucket AS (
  SELECT named.place AS place, named.bucket AS bucket
  FROM (
    VALUES
    (1, '0 to 30 days'), (2, '31 to 60 days'), (3, '61 to 90 days'), (4, '91 to 180 days'), (5, 'over 180 days'), (6, 'unknown')
  ) AS named (place, bucket)
),

aged AS (
  SELECT
    stock_item.quantity AS units,
    stock_item.gross_purchase_price AS price,
    CASE
      WHEN stock_item.held_since IS NULL THEN 6
      WHEN cast(load_state.loaded_at AS date) - 30 <= stock_item.held_since THEN 1
      WHEN cast(load_state.loaded_at AS date) - 60 <= stock_item.held_since THEN 2
      WHEN cast(load_state.loaded_at AS date) - 90 <= stock_item.held_since THEN 3
      WHEN cast(load_state.loaded_at AS date) - 180 <= stock_item.held_since THEN 4
      ELSE 5
    END AS place
  FROM stock_item
  CROSS JOIN load_state
  WHERE stock_item.state = 'on hand'
)

SELECT
  bucket.place AS place,
  bucket.bucket AS bucket,
  count(aged.place) AS items,
  cast(coalesce(sum(aged.units), 0) AS bigint) AS units,
  cast(coalesce(sum(CASE WHEN aged.price IS NULL THEN aged.units END), 0) AS bigint) AS units_without_price,
  cast(coalesce(sum(aged.units * aged.price), 0) AS decimal(18, 2)) AS value
FROM bucket
LEFT JOIN aged ON aged.place = bucket.place
GROUP BY bucket.place, bucket.bucket;
