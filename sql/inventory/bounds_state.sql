-- Whether stock's reserved units are kept within its units: no row if there is no such rule, and whether the
-- rule has been proven for the rows that were there before it.
--
-- Locks: none.

SELECT convalidated AS validated
FROM pg_catalog.pg_constraint
WHERE conrelid = 'inventory.stock'::regclass AND conname = 'stock_reserved_quantity_within_quantity';
