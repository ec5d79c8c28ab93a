-- Retires stock_financial, stock_lifecycle and stock_metrics, and the synchronisation that kept them up to date.
--
-- All in one transaction with its entry in the ledger: a trigger on stock that writes to a table that is gone
-- would stop the shop, and a table gone without an entry is a fault.
--
-- Locks: ACCESS EXCLUSIVE on stock and the three tables for an instant. stock is waited for, the others are not: a
--        writer that holds one of them may be waiting for stock; the whole is then tried again.
-- Again: refused, since the tables are gone.

BEGIN;

LOCK TABLE inventory.stock IN ACCESS EXCLUSIVE MODE;

LOCK TABLE inventory.stock_financial, inventory.stock_lifecycle, inventory.stock_metrics
IN ACCESS EXCLUSIVE MODE NOWAIT;

DO $$
DECLARE
  ours record;
BEGIN
  FOR ours IN
    SELECT pg_trigger.tgname AS name
    FROM pg_trigger
    JOIN pg_proc ON pg_proc.oid = pg_trigger.tgfoid
    WHERE pg_trigger.tgrelid = 'inventory.stock'::regclass
      AND pg_proc.pronamespace = 'inventory_ops'::regnamespace
      AND pg_proc.proname IN (
        'stock_arrived', 'stock_to_legacy', 'stock_truncated',
        -- Of earlier versions.
        'stock_to_financial', 'stock_to_lifecycle', 'stock_to_metrics'
      )
  LOOP
    EXECUTE format('DROP TRIGGER %I ON inventory.stock', ours.name);
  END LOOP;
END
$$;

-- A backup of a table with a serial column draws its default from that table's sequence, which goes with the table.
DO $$
DECLARE
  drawing record;
BEGIN
  FOR drawing IN
    SELECT DISTINCT pg_attrdef.adrelid::regclass AS relation, pg_attribute.attname AS name
    FROM pg_depend AS owned
    JOIN pg_depend AS used
      ON used.refclassid = 'pg_class'::regclass
      AND used.refobjid = owned.objid
      AND used.classid = 'pg_attrdef'::regclass
    JOIN pg_attrdef ON pg_attrdef.oid = used.objid
    JOIN pg_attribute ON pg_attribute.attrelid = pg_attrdef.adrelid AND pg_attribute.attnum = pg_attrdef.adnum
    JOIN pg_class AS backup ON backup.oid = pg_attrdef.adrelid
    JOIN pg_class AS legacy ON legacy.oid = owned.refobjid
    WHERE owned.classid = 'pg_class'::regclass
      AND owned.refclassid = 'pg_class'::regclass
      AND owned.deptype = 'a'
      AND legacy.oid IN (
        'inventory.stock_financial'::regclass,
        'inventory.stock_lifecycle'::regclass,
        'inventory.stock_metrics'::regclass
      )
      AND backup.relnamespace IN ('inventory'::regnamespace, 'inventory_ops'::regnamespace)
      AND starts_with(backup.relname, legacy.relname || '_backup')
  LOOP
    EXECUTE format('ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT', drawing.relation, drawing.name);
  END LOOP;
END
$$;

-- The gates are open, so nobody needs them. Never CASCADE: what is built on them is somebody's.
-- squawk-ignore ban-drop-table
DROP TABLE inventory.stock_financial, inventory.stock_lifecycle, inventory.stock_metrics;

-- squawk-ignore ban-drop-table
DROP TABLE IF EXISTS inventory_ops.stock_trace, inventory_ops.postponed;

DO $$
DECLARE
  idle regprocedure;
BEGIN
  FOR idle IN
    SELECT pg_proc.oid::regprocedure
    FROM pg_proc
    WHERE pg_proc.pronamespace = 'inventory_ops'::regnamespace
      AND (
        pg_proc.prorettype = 'trigger'::regtype
        OR pg_proc.proname IN (
          'backfill_stock',
          'before_financial',
          'before_lifecycle',
          'carry_postponed',
          'clear',
          'counting_row',
          'foreign_functions',
          'give_financial',
          'give_lifecycle',
          'give_metrics',
          'hand_down',
          'leave_trace',
          'legacy_may_come_first',
          'must_wait',
          'newest_financial',
          'newest_lifecycle',
          'take_financial',
          'take_lifecycle',
          'take_metrics'
        )
      )
      AND NOT EXISTS (SELECT FROM pg_trigger WHERE pg_trigger.tgfoid = pg_proc.oid)
  LOOP
    EXECUTE format('DROP FUNCTION %s', idle);
  END LOOP;
END
$$;

UPDATE inventory_ops.ledger
SET finished_at = clock_timestamp()
WHERE ledger.step = 'drop_legacy_tables' AND ledger.finished_at IS NULL AND ledger.reverted_at IS NULL;

COMMIT;
