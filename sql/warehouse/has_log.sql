-- Whether the shop keeps the log that the warehouse is loaded from.
--
-- Locks: none.

SELECT to_regclass('inventory_ops.stock_event') IS NOT NULL AS there;
