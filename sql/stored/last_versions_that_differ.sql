-- Stock rows whose last version in the warehouse is not what the row is now.
--
-- Read by the warehouse's engine, beside stock_now: the rows of stock in one snapshot, and unloaded: the rows with
-- events that the snapshot sees and the warehouse does not hold yet.
--
-- Locks: none in PostgreSQL.

WITH emptied AS (
  SELECT coalesce(max(event_id), 0) AS event_id FROM stock_event WHERE kind = 'truncate'
),

newest AS (
  SELECT stock_id, max(event_id) AS event_id
  FROM stock_event
  WHERE stock_id IS NOT NULL AND event_id > (SELECT emptied.event_id FROM emptied)
  GROUP BY stock_id
),

version AS (
  SELECT
    event.stock_id,
    event.product_id,
    event.size_id,
    event.supplier_id,
    event.supplier,
    event.quantity,
    event.reserved_quantity,
    event.purchase_price,
    event.gross_purchase_price,
    event.roi_percentage,
    event.profit_per_shelf_day,
    event.status,
    event.detailed_status,
    event.location,
    event.purchase_date,
    event.delivery_date,
    event.created_at,
    event.updated_at
  FROM stock_event AS event
  INNER JOIN newest ON event.stock_id = newest.stock_id AND event.event_id = newest.event_id
  WHERE event.kind <> 'delete'
)

SELECT coalesce(version.stock_id, stock_now.id) AS stock_id
FROM version
FULL JOIN stock_now ON version.stock_id = stock_now.id
WHERE
  (
    version.stock_id IS NULL
    OR stock_now.id IS NULL
    OR version.product_id IS DISTINCT FROM stock_now.product_id
    OR version.size_id IS DISTINCT FROM stock_now.size_id
    OR version.supplier_id IS DISTINCT FROM stock_now.supplier_id
    OR version.supplier IS DISTINCT FROM stock_now.supplier
    OR version.quantity IS DISTINCT FROM stock_now.quantity
    OR version.reserved_quantity IS DISTINCT FROM stock_now.reserved_quantity
    OR version.purchase_price IS DISTINCT FROM stock_now.purchase_price
    OR version.gross_purchase_price IS DISTINCT FROM stock_now.gross_purchase_price
    OR version.roi_percentage IS DISTINCT FROM stock_now.roi_percentage
    OR version.profit_per_shelf_day IS DISTINCT FROM stock_now.profit_per_shelf_day
    OR version.status IS DISTINCT FROM stock_now.status
    OR version.detailed_status IS DISTINCT FROM stock_now.detailed_status
    OR version.location IS DISTINCT FROM stock_now.location
    OR version.purchase_date IS DISTINCT FROM stock_now.purchase_date
    OR version.delivery_date IS DISTINCT FROM stock_now.delivery_date
    OR version.created_at IS DISTINCT FROM stock_now.created_at
    OR version.updated_at IS DISTINCT FROM stock_now.updated_at
  )
  AND coalesce(version.stock_id, stock_now.id) NOT IN (SELECT unloaded.stock_id FROM unloaded)
ORDER BY 1;
