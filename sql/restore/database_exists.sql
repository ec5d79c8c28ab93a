-- Whether there is a database of a name.
--
-- Locks: none.

SELECT EXISTS (SELECT FROM pg_database WHERE pg_database.datname = :database) AS database_exists;
