-- Let one session at a time change which tables are in partitions, for as long as it lasts.
--
-- Locks: an advisory lock of the session; nobody waits for it.

SELECT pg_try_advisory_lock(hashtextextended('soleflip partitions', 0)) AS acquired;
