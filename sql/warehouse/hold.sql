-- Wait until nobody else writes to the warehouse, and be the only one.
--
-- Run on the database of the catalog.
--
-- Locks: an advisory lock, until the end of the session.

SELECT pg_catalog.pg_advisory_lock(pg_catalog.hashtextextended('soleflip warehouse', 0));
