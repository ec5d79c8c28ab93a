-- The events of stock that one snapshot sees and an earlier one did not, within a stretch of time.
--
-- An increment is what was not seen the last time, whenever it happened: a long transaction writes an event hours
-- before anybody sees it. A month is read again as of the snapshot that the warehouse is loaded up to.
--
-- :last is the earlier snapshot, or 1:1: for none. :seen is the later one. :from and :until bound the time.
--
-- Locks: ACCESS SHARE on the log, for the length of the query.

SELECT
  event_id,
  occurred_at,
  transaction_id,
  kind,
  stock_id,
  array_to_string(changed, ',') AS changed,
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
  updated_at,
  listed_on_platforms
FROM (
  SELECT
    event_id,
    occurred_at,
    transaction_id,
    kind,
    stock_id,
    changed,
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
    updated_at,
    listed_on_platforms
  FROM inventory_ops.stock_event
  UNION ALL
  SELECT
    event_id,
    occurred_at,
    transaction_id,
    kind,
    stock_id,
    changed,
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
    updated_at,
    listed_on_platforms
  FROM inventory_ops.stock_event_overflow
) AS log
WHERE
  occurred_at >= CAST(:from AS timestamptz)
  AND occurred_at < CAST(:until AS timestamptz)
  AND transaction_id >= pg_snapshot_xmin(CAST(:last AS pg_snapshot))
  AND NOT pg_visible_in_snapshot(transaction_id, CAST(:last AS pg_snapshot))
  AND pg_visible_in_snapshot(transaction_id, CAST(:seen AS pg_snapshot));
