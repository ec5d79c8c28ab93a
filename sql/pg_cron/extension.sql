-- Makes pg_cron's schema and functions. Only a superuser may, and only in the database of cron.database_name.
--
-- Locks: none that anyone could wait for.

CREATE EXTENSION IF NOT EXISTS pg_cron;
