-- The event triggers that are called when objects are made or dropped.
--
-- Locks: none; reads the catalog.

SELECT pg_event_trigger.evtname AS name
FROM pg_event_trigger
WHERE pg_event_trigger.evtenabled IN ('O', 'A') AND pg_event_trigger.evtevent <> 'login'
ORDER BY pg_event_trigger.evtname;
