-- Takes back sql/phase2/30, 40, 50 and 55: the columns, and the triggers that kept old and new side by side.
--
-- In one transaction: between the end of the synchronisation and the end of the columns no write may fall, or it
-- would be in one of the two places only.
--
-- Locks: ACCESS EXCLUSIVE on stock and the three legacy tables for an instant. stock is waited for; the others are
--        not, since a writer that holds one of them may be waiting for stock: the whole is then tried again.
-- Again: safe.

BEGIN;

LOCK TABLE inventory.stock IN ACCESS EXCLUSIVE MODE;

LOCK TABLE inventory.stock_financial, inventory.stock_lifecycle, inventory.stock_metrics
IN ACCESS EXCLUSIVE MODE NOWAIT;

DO $$
DECLARE
  ours record;
BEGIN
  FOR ours IN
    SELECT pg_trigger.tgname AS name, pg_trigger.tgrelid::regclass AS relation
    FROM pg_trigger
    JOIN pg_proc ON pg_proc.oid = pg_trigger.tgfoid
    WHERE pg_proc.pronamespace = 'inventory_ops'::regnamespace
      AND NOT pg_trigger.tgisinternal
      -- Those of the log stay: it is kept before Phase 2, too, and takes columns that are gone for NULL.
      AND pg_trigger.tgname NOT LIKE 'soleflip\_log\_%'
  LOOP
    EXECUTE format('DROP TRIGGER %I ON %s', ours.name, ours.relation);
  END LOOP;
END
$$;

-- squawk-ignore ban-drop-table
DROP TABLE IF EXISTS inventory_ops.stock_trace, inventory_ops.postponed;

-- What they hold is in the legacy tables again.
ALTER TABLE inventory.stock
  -- squawk-ignore ban-drop-column
  DROP COLUMN IF EXISTS listed_on_platforms,
  -- squawk-ignore ban-drop-column
  DROP COLUMN IF EXISTS status_history,
  -- squawk-ignore ban-drop-column
  DROP COLUMN IF EXISTS reserved_quantity;

COMMIT;
