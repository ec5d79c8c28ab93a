-- What was sold lately and is still in stock: the sample's pairs that orders are written for.
--
-- Locks: ACCESS SHARE on stock for the length of the query.

SELECT
  stock.id::text AS id,
  stock.product_id::text AS product_id,
  stock.gross_purchase_price,
  stock.delivery_date,
  stock.updated_at AS sold_at
FROM inventory.stock
WHERE stock.status = 'sold'
ORDER BY stock.id;
