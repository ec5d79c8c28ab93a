-- Takes back sql/phase2/80 and 81: the view with its indexes, and the function that refreshes it.
--
-- Locks: ACCESS EXCLUSIVE on the view for an instant. Never CASCADE: what is built on it is somebody's.
-- Again: safe.

-- Nobody had them before Phase 2.
-- squawk-ignore ban-drop-function
DROP FUNCTION IF EXISTS inventory.refresh_stock_metrics();

-- squawk-ignore ban-drop-view
DROP MATERIALIZED VIEW IF EXISTS inventory.stock_metrics_view;
