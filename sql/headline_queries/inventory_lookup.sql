-- The seed's single-table lookup of what is in stock.
--
-- Index: idx_stock_value
-- Locks: ACCESS SHARE on stock.

SELECT s.id, s.product_id, s.quantity, s.reserved_quantity,
       s.quantity - COALESCE(s.reserved_quantity, 0) as available,
       s.status, s.listed_on_platforms, s.status_history
FROM inventory.stock s
WHERE s.status = 'in_stock'
LIMIT 10;
