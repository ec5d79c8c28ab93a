-- Whether the sample has a past that the log was not told yet.
--
-- Locks: none.

SELECT to_regclass('sample.archived_stock') IS NOT NULL AS has_archive;
