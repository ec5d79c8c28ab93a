-- Whether there is anything to refresh.
--
-- Locks: none.

SELECT to_regprocedure('inventory.refresh_stock_metrics()') IS NOT NULL AS deployed;
