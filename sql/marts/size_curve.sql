-- Which sizes of a brand are bought, sold and left lying.
--
-- Reads: stock_item
-- Grain: brand, size
-- Unknown: a size that nobody recorded is called unknown; a median is empty where no sale has a date.
-- Columns: brand: name; size: as printed; size_number: for sorting; bought: items; sold: of these; on_hand: of these;
--   share_of_sold: percent of what the brand sold; median_days: from delivery to sale.
-- Locks: none; it reads the warehouse.

WITH counted AS (
  SELECT
    stock_item.brand AS brand,
    stock_item.size AS size,
    min(stock_item.size_number) AS size_number,
    count(stock_item.stock_id) AS bought,
    cast(sum(CASE WHEN stock_item.state = 'sold' THEN 1 ELSE 0 END) AS bigint) AS sold,
    cast(sum(CASE WHEN stock_item.state = 'on hand' THEN 1 ELSE 0 END) AS bigint) AS on_hand,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY stock_item.days_to_sell) AS median_days
  FROM stock_item
  GROUP BY stock_item.brand, stock_item.size
)

SELECT
  counted.brand AS brand,
  counted.size AS size,
  counted.size_number AS size_number,
  counted.bought AS bought,
  counted.sold AS sold,
  counted.on_hand AS on_hand,
  cast(counted.sold AS double) * 100 / nullif(sum(counted.sold) OVER (PARTITION BY counted.brand), 0) AS share_of_sold,
  counted.median_days AS median_days
FROM counted;
