-- What became of what each supplier delivered.
--
-- Reads: stock_item
-- Grain: supplier
-- Unknown: a median is empty where no sale has a date; the value of what is unsold leaves out units whose price is unknown.
-- Columns: supplier: name; bought: items; sold: of these; on_hand: of these; sold_percent: percent of bought; median_days: from
--   delivery to sale; unsold_units: on hand; unsold_without_price: of these, price unknown; unsold_value: what the others
--   cost, with VAT, EUR.
-- Locks: none; it reads the warehouse.

SELECT
  stock_item.supplier AS supplier,
  count(stock_item.stock_id) AS bought,
  cast(sum(CASE WHEN stock_item.state = 'sold' THEN 1 ELSE 0 END) AS bigint) AS sold,
  cast(sum(CASE WHEN stock_item.state = 'on hand' THEN 1 ELSE 0 END) AS bigint) AS on_hand,
  cast(sum(CASE WHEN stock_item.state = 'sold' THEN 1 ELSE 0 END) AS double) * 100 / count(stock_item.stock_id)
  AS sold_percent,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY stock_item.days_to_sell) AS median_days,
  cast(coalesce(sum(CASE WHEN stock_item.state = 'on hand' THEN stock_item.quantity END), 0) AS bigint) AS unsold_units,
  cast(
    coalesce(
      sum(
        CASE
          WHEN stock_item.state = 'on hand' AND stock_item.gross_purchase_price IS NULL THEN stock_item.quantity
        END
      ),
      0
    ) AS bigint
  ) AS unsold_without_price,
  cast(
    coalesce(
      sum(CASE WHEN stock_item.state = 'on hand' THEN stock_item.quantity * stock_item.gross_purchase_price END), 0
    ) AS decimal(18, 2)
  ) AS unsold_value
FROM stock_item
GROUP BY stock_item.supplier;
