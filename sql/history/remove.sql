-- Ends the log: takes its triggers and functions away. The events stay.
--
-- Locks: ACCESS EXCLUSIVE on stock and on the reservations for an instant, one after the other.
-- Again: safe.

BEGIN;

DROP TRIGGER IF EXISTS soleflip_log_insert ON inventory.stock;

DROP TRIGGER IF EXISTS soleflip_log_update ON inventory.stock;

DROP TRIGGER IF EXISTS soleflip_log_delete ON inventory.stock;

DROP TRIGGER IF EXISTS soleflip_log_truncate ON inventory.stock;

COMMIT;

BEGIN;

DROP TRIGGER IF EXISTS soleflip_log_insert ON inventory.stock_reservation;

DROP TRIGGER IF EXISTS soleflip_log_update ON inventory.stock_reservation;

DROP TRIGGER IF EXISTS soleflip_log_delete ON inventory.stock_reservation;

DROP TRIGGER IF EXISTS soleflip_log_truncate ON inventory.stock_reservation;

COMMIT;

DO $$
DECLARE
  ours regprocedure;
BEGIN
  FOR ours IN
    SELECT pg_proc.oid::regprocedure
    FROM pg_proc
    WHERE pg_proc.pronamespace = 'inventory_ops'::regnamespace
      AND pg_proc.proname ~ '^(log_|more_columns_of_|move_overflow$)'
  LOOP
    EXECUTE format('DROP FUNCTION %s', ours);
  END LOOP;
END
$$;

UPDATE inventory_ops.ledger
SET reverted_at = now()
WHERE ledger.reverted_at IS NULL AND ledger.step LIKE 'history\_%';
