-- Drops the schema public that every new database has, where the dumped one had none.
--
-- Locks: ACCESS EXCLUSIVE on the empty schema for an instant.

-- squawk-ignore ban-drop-schema
DROP SCHEMA public;
