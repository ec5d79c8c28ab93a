-- Be the only one who writes to the warehouse, unless somebody else is.
--
-- Run on the database of the catalog.
--
-- Locks: an advisory lock, until the end of the session.

SELECT pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended('soleflip warehouse', 0)) AS held;
