-- Each stock row as it is now, in what the log keeps of it.
--
-- Locks: ACCESS SHARE on stock, for the length of one scan.

SELECT
  id,
  product_id,
  size_id,
  supplier_id,
  supplier,
  quantity,
  reserved_quantity,
  purchase_price,
  gross_purchase_price,
  roi_percentage,
  profit_per_shelf_day,
  status,
  detailed_status,
  location,
  purchase_date,
  delivery_date,
  created_at,
  updated_at
FROM inventory.stock;
