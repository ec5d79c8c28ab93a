-- Whether Phase 2 has given stock the column that reservations are counted in, and there is a ledger of them.
--
-- Locks: none.

SELECT
  to_regclass('inventory.stock_reservation') IS NOT NULL
  AND EXISTS (
    SELECT FROM pg_catalog.pg_attribute
    WHERE attrelid = to_regclass('inventory.stock') AND attname = 'reserved_quantity' AND NOT attisdropped
  ) AS can_reserve;
