-- Be the only one who writes to the warehouse, or to a part of it, unless somebody else is.
--
-- Run on the database of the catalog. :what is written: 'soleflip warehouse' for what is loaded.
--
-- Locks: an advisory lock, until the end of the session.

SELECT pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended(CAST(:what AS text), 0)) AS held;
