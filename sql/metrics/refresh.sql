-- Refreshes the view now.
--
-- Locks: EXCLUSIVE on stock_metrics_view while it refreshes: readers go on, another refresh waits.

SELECT inventory.refresh_stock_metrics();
