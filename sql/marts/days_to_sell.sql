-- How long an item takes to sell, by brand.
--
-- Reads: stock_item
-- Grain: brand
-- Unknown: what is not sold yet has no duration; what was sold on an unknown day is counted and not measured.
-- Columns: brand: name; sold: items sold; sold_undated: of these, when is unknown; quick_quarter: days within which a quarter
--   was sold; median_days: within which half was; slow_quarter: within which three quarters were.
-- Locks: none; it reads the warehouse.

SELECT
  stock_item.brand AS brand,
  count(stock_item.stock_id) AS sold,
  cast(sum(CASE WHEN stock_item.days_to_sell IS NULL THEN 1 ELSE 0 END) AS bigint) AS sold_undated,
  percentile_cont(0.25) WITHIN GROUP (ORDER BY stock_item.days_to_sell) AS quick_quarter,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY stock_item.days_to_sell) AS median_days,
  percentile_cont(0.75) WITHIN GROUP (ORDER BY stock_item.days_to_sell) AS slow_quarter
FROM stock_item
WHERE stock_item.state = 'sold'
GROUP BY stock_item.brand;
