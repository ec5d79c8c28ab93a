-- This session's schema of temporary objects.
--
-- Locks: none.

SELECT pg_my_temp_schema()::regnamespace::text AS name;
