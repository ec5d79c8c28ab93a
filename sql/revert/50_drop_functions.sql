-- Takes back the functions of the synchronisation, the backfill and the records, which nothing calls any more.
--
-- Locks: none that anyone could wait for.
-- Again: safe.

DO $$
DECLARE
  ours regprocedure;
BEGIN
  FOR ours IN
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
      AND pg_proc.proname NOT LIKE 'log\_%'
  LOOP
    EXECUTE format('DROP FUNCTION %s', ours);
  END LOOP;
END
$$;
