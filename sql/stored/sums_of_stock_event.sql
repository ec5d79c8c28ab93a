-- For each month of the log of stock in the warehouse, how many events there are, and what they sum up to.
--
-- Read by the warehouse's engine, in what it and PostgreSQL both read.
--
-- Locks: none in PostgreSQL.

SELECT
  substr(CAST(date_trunc('month', occurred_at) AS text), 1, 7) AS month,
  count(*) AS events,
  sum(event_id) AS event_ids,
  sum(transaction_id) AS transaction_ids,
  sum(epoch_us(occurred_at)) AS microseconds,
  coalesce(sum(quantity), 0) AS quantity,
  coalesce(sum(reserved_quantity), 0) AS reserved_quantity,
  coalesce(sum(purchase_price), 0) AS purchase_price,
  coalesce(sum(gross_purchase_price), 0) AS gross_purchase_price,
  coalesce(sum(roi_percentage), 0) AS roi_percentage,
  coalesce(sum(profit_per_shelf_day), 0) AS profit_per_shelf_day,
  coalesce(sum(length(kind)), 0)
  + coalesce(sum(length(status)), 0)
  + coalesce(sum(length(detailed_status)), 0)
  + coalesce(sum(length(supplier)), 0)
  + coalesce(sum(length(location)), 0)
  + coalesce(sum(length(listed_on_platforms)), 0) AS characters
FROM stock_event
GROUP BY 1
ORDER BY 1;
