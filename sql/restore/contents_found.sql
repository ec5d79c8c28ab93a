-- What contents.sql found in this transaction.
--
-- Locks: none.

SELECT
  current_setting('soleflip.tables')::jsonb AS tables,
  current_setting('soleflip.large_objects') AS large_objects;
