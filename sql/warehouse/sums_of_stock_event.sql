-- For each month of the log of stock, how many events a snapshot sees, and what they sum up to.
--
-- :seen is the snapshot.
--
-- Locks: ACCESS SHARE on the log, for the length of one scan.

SELECT
  to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM') AS month,
  count(*) AS events,
  sum(event_id) AS event_ids,
  sum(CAST(CAST(transaction_id AS text) AS numeric)) AS transaction_ids,
  sum(CAST(extract(EPOCH FROM occurred_at) * 1000000 AS bigint)) AS microseconds,
  coalesce(sum(quantity), 0) AS quantity,
  coalesce(sum(reserved_quantity), 0) AS reserved_quantity,
  coalesce(sum(nullif(purchase_price, 'NaN')), 0) AS purchase_price,
  coalesce(sum(nullif(gross_purchase_price, 'NaN')), 0) AS gross_purchase_price,
  coalesce(sum(nullif(roi_percentage, 'NaN')), 0) AS roi_percentage,
  coalesce(sum(nullif(profit_per_shelf_day, 'NaN')), 0) AS profit_per_shelf_day,
  coalesce(sum(length(kind)), 0)
  + coalesce(sum(length(status)), 0)
  + coalesce(sum(length(detailed_status)), 0)
  + coalesce(sum(length(supplier)), 0)
  + coalesce(sum(length(location)), 0)
  + coalesce(sum(length(CAST(listed_on_platforms AS text))), 0) AS characters
FROM (
  SELECT
    event_id,
    occurred_at,
    transaction_id,
    kind,
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
    listed_on_platforms
  FROM inventory_ops.stock_event
  UNION ALL
  SELECT
    event_id,
    occurred_at,
    transaction_id,
    kind,
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
    listed_on_platforms
  FROM inventory_ops.stock_event_overflow
) AS log
WHERE pg_visible_in_snapshot(transaction_id, CAST(:seen AS pg_snapshot))
GROUP BY 1
ORDER BY 1;
