-- From now on no write can reserve more units of a stock row than there are, or fewer than none.
--
-- Locks: ACCESS EXCLUSIVE on stock for an instant: NOT VALID reads no row. Waits for it half a second at most,
--        because everybody who comes after a waiting ALTER TABLE waits behind it.
-- Again: fails if the constraint exists; bounds_state.sql tells.

SET lock_timeout = '500ms';

ALTER TABLE inventory.stock
  ADD CONSTRAINT stock_reserved_quantity_within_quantity
  CHECK (coalesce(reserved_quantity, 0) BETWEEN 0 AND quantity) NOT VALID;

RESET lock_timeout;
