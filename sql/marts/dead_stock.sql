-- What has been on hand for more than 180 days, one row an item: what to mark down first.
--
-- Reads: stock_item, load_state
-- Grain: stock_id
-- Unknown: an item without a delivery or purchase date is not here, but in the bucket unknown of age. Its value is empty
--   where its price is.
-- Columns: stock_id: the row of inventory.stock; product: name; brand: name; size: as printed; supplier: name; status: the
--   shop's word; location: where it lies; days: since the delivery, else the purchase; units: on hand; value: what they
--   cost, with VAT, EUR.
-- Locks: none; it reads the warehouse.

SELECT
  stock_item.stock_id AS stock_id,
  stock_item.product AS product,
  stock_item.brand AS brand,
  stock_item.size AS size,
  stock_item.supplier AS supplier,
  stock_item.status AS status,
  stock_item.location AS location,
  cast(cast(load_state.loaded_at AS date) - stock_item.held_since AS integer) AS days,
  stock_item.quantity AS units,
  cast(stock_item.quantity * stock_item.gross_purchase_price AS decimal(18, 2)) AS value
FROM stock_item
CROSS JOIN load_state
WHERE stock_item.state = 'on hand' AND stock_item.held_since < cast(load_state.loaded_at AS date) - 180;
