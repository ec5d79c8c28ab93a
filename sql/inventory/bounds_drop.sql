-- The way back from bounds_add.sql.
--
-- Locks: ACCESS EXCLUSIVE on stock for an instant, waited for half a second at most.
-- Again: safe.

SET lock_timeout = '500ms';

-- Nobody can rely on it: it was never validated.
-- squawk-ignore ban-drop-constraint
ALTER TABLE inventory.stock DROP CONSTRAINT IF EXISTS stock_reserved_quantity_within_quantity;

RESET lock_timeout;
