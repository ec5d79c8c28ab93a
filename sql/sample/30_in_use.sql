-- What the application has written since: into the new columns alone. The legacy tables are no longer written.
--
-- It reserves in stock.reserved_quantity and never in stock_reservation, and dates a listing under timestamp. Its appends to
-- status_history are often not saved: the last to_status need not be the status.
--
-- Locks: ROW EXCLUSIVE on stock, to the end of the transaction.

WITH numbered AS (
  SELECT stock.id, row_number() OVER (ORDER BY stock.id) AS number
  FROM inventory.stock
  WHERE stock.quantity > 0 AND stock.status IN ('in_stock', 'listed_stockx', 'listed_alias')
)
UPDATE inventory.stock
SET
  reserved_quantity = CASE WHEN numbered.number % 3 = 0 THEN 1 ELSE 0 END,
  listed_on_platforms = CASE
    WHEN numbered.number % 2 = 0 THEN jsonb_build_array(
      jsonb_build_object(
        'platform', 'stockx',
        'listing_id', 'live-' || numbered.number,
        'timestamp', '2025-12-03T10:00:00+00:00',
        'status', 'active'
      )
    )
    ELSE stock.listed_on_platforms
  END,
  status_history = CASE
    WHEN numbered.number % 4 = 0 THEN jsonb_build_array(
      jsonb_build_object(
        'from_status', 'incoming',
        'to_status', 'in_stock',
        'changed_at', '2025-12-02T09:00:00+00:00',
        'reason', 'delivered'
      )
    )
    ELSE stock.status_history
  END,
  updated_at = '2025-12-03T10:00:00+00:00'
FROM numbered
WHERE stock.id = numbered.id;
