-- Whether the restored database has figures to refresh: it was dumped with the view's function, finished or not.
--
-- Locks: none.

SELECT pg_catalog.to_regprocedure('inventory.refresh_stock_metrics()') IS NOT NULL AS can_refresh;
