-- The function that refreshes the view, for the hourly schedule, for pg_cron and by hand.
--
-- Locks: none by itself. Each call holds EXCLUSIVE on the materialized view while it refreshes: readers go on, a
--        second refresh waits. Where the view is one of the read model (sql/incremental), ROW EXCLUSIVE on that.
--        Where it is one of stock (sql/live), none: only when it was called is recorded, which the checks ask for.
-- Again: safe.

CREATE OR REPLACE FUNCTION inventory.refresh_stock_metrics()
RETURNS void
LANGUAGE plpgsql
-- Only its owner may refresh a materialized view before PostgreSQL 17, and write what is behind the other one.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  begun timestamptz;
  seen xid8;
  kind "char";
  filled boolean;
BEGIN
  -- A second refresh waits here, before it takes its horizon: after the wait the horizon would be old.
  PERFORM pg_advisory_xact_lock('inventory_ops.metrics_refresh'::regclass::oid::bigint);
  begun := clock_timestamp();
  seen := pg_snapshot_xmin(pg_current_snapshot());

  SELECT relkind, relispopulated INTO kind, filled
  FROM pg_class
  WHERE oid = 'inventory.stock_metrics_view'::regclass;

  IF kind = 'v' AND EXISTS (
    SELECT
    FROM pg_rewrite
    JOIN pg_depend ON pg_depend.classid = 'pg_rewrite'::regclass AND pg_depend.objid = pg_rewrite.oid
    WHERE pg_rewrite.ev_class = 'inventory.stock_metrics_view'::regclass
      AND pg_depend.refclassid = 'pg_class'::regclass
      AND pg_depend.refobjid = 'inventory.stock'::regclass
  ) THEN
    RAISE NOTICE 'inventory.stock_metrics_view reads inventory.stock itself: there is nothing to refresh';
  ELSIF kind = 'v' THEN
    PERFORM inventory_ops.drain_stock_changes(begun);
  ELSIF filled THEN
    REFRESH MATERIALIZED VIEW CONCURRENTLY inventory.stock_metrics_view;
  ELSE
    -- CONCURRENTLY needs content to compare with; a view that was emptied by hand has none.
    REFRESH MATERIALIZED VIEW inventory.stock_metrics_view;
  END IF;

  INSERT INTO inventory_ops.metrics_refresh (horizon, started_at, finished_at)
  VALUES (seen, begun, clock_timestamp());
END
$function$;

COMMENT ON FUNCTION inventory.refresh_stock_metrics() IS
  'Refreshes inventory.stock_metrics_view without blocking its readers and records what it saw';

REVOKE EXECUTE ON FUNCTION inventory.refresh_stock_metrics() FROM PUBLIC;
