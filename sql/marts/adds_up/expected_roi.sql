-- By brand, by size and by supplier it is the same stock.
--
-- Locks: none; it reads the warehouse.

SELECT
  'units, three times' AS what,
  coalesce(sum(expected_roi.units), 0) AS found,
  (SELECT coalesce(sum(stock_item.quantity), 0) * 3 FROM stock_item WHERE stock_item.state = 'on hand') AS expected
FROM expected_roi
UNION ALL
SELECT
  'profit, the sizes'' and the brands''' AS what,
  sum(CASE WHEN expected_roi.grouped_by = 'size' THEN expected_roi.expected_profit END) AS found,
  sum(CASE WHEN expected_roi.grouped_by = 'brand' THEN expected_roi.expected_profit END) AS expected
FROM expected_roi;
