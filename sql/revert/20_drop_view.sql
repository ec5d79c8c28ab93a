-- Takes back sql/phase2/80 and 81: the view with its indexes, and the function that refreshes it.
--
-- Locks: ACCESS EXCLUSIVE on the view for an instant. Never CASCADE: what is built on it is somebody's.
-- Again: safe.

DROP FUNCTION IF EXISTS inventory.refresh_stock_metrics();

DROP MATERIALIZED VIEW IF EXISTS inventory.stock_metrics_view;
