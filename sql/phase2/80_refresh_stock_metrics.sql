-- The function that refreshes the view, for the hourly schedule, for pg_cron and by hand.
--
-- Locks: none by itself. Each call holds EXCLUSIVE on the view while it refreshes: readers go on, a second
--        refresh waits.
-- Again: safe.

CREATE OR REPLACE FUNCTION inventory.refresh_stock_metrics()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $function$
DECLARE
  begun timestamptz;
  seen xid8;
BEGIN
  -- A second refresh waits here, before it takes its horizon: after the wait the horizon would be old.
  PERFORM pg_advisory_xact_lock('inventory_ops.metrics_refresh'::regclass::oid::bigint);
  begun := clock_timestamp();
  seen := pg_snapshot_xmin(pg_current_snapshot());

  -- CONCURRENTLY needs content to compare with; a view that was emptied by hand has none.
  IF (SELECT relispopulated FROM pg_class WHERE oid = 'inventory.stock_metrics_view'::regclass) THEN
    REFRESH MATERIALIZED VIEW CONCURRENTLY inventory.stock_metrics_view;
  ELSE
    REFRESH MATERIALIZED VIEW inventory.stock_metrics_view;
  END IF;

  INSERT INTO inventory_ops.metrics_refresh (horizon, started_at, finished_at)
  VALUES (seen, begun, clock_timestamp());
END
$function$;

COMMENT ON FUNCTION inventory.refresh_stock_metrics() IS
  'Refreshes inventory.stock_metrics_view without blocking its readers and records what it saw';
