-- Prove the rule of bounds_add.sql for the rows that were there before it.
--
-- Locks: SHARE UPDATE EXCLUSIVE on stock for one sequential scan; readers and writers go on.
-- Again: safe; a valid constraint is left alone.

SET lock_timeout = '500ms';

ALTER TABLE inventory.stock VALIDATE CONSTRAINT stock_reserved_quantity_within_quantity;

RESET lock_timeout;
