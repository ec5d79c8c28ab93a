-- When the first event happened that the sample's log was told of.
--
-- Locks: ACCESS SHARE on the overflow for the length of the query.

SELECT min(stock_event_overflow.occurred_at) AS first_event
FROM inventory_ops.stock_event_overflow;
