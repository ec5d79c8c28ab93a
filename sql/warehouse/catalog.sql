-- The schema, in Dagster's storage, of the warehouse's catalog; pyiceberg makes its two tables in it.
--
-- Locks: none that anybody waits for.

CREATE SCHEMA IF NOT EXISTS warehouse;
