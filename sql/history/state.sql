-- What of the log is there: its tables, how many of its eight triggers, the server's clock, and what met no month.
--
-- Locks: none.

SELECT
  to_regclass('inventory_ops.stock_event') IS NOT NULL
  AND to_regclass('inventory_ops.reservation_event') IS NOT NULL AS has_tables,
  (
    SELECT count(*)
    FROM pg_trigger
    WHERE pg_trigger.tgrelid IN (to_regclass('inventory.stock'), to_regclass('inventory.stock_reservation'))
      AND pg_trigger.tgname LIKE 'soleflip\_log\_%'
      AND pg_trigger.tgenabled IN ('O', 'A')
  ) AS triggers,
  clock_timestamp() AS now;
