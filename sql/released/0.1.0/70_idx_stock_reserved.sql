-- Fast queries for reserved inventory.
--
-- Locks: SHARE UPDATE EXCLUSIVE on stock for the length of the build; readers and writers go on.
-- Again: fails if the index exists; the deployment drops an invalid or differing one first.

CREATE INDEX CONCURRENTLY idx_stock_reserved
ON inventory.stock (id, reserved_quantity)
WHERE reserved_quantity > 0;
