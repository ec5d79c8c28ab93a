-- How long a trial may hold stock for itself, in which its triggers meet the columns that it will have.
--
-- Locks: none.

SELECT
  set_config('lock_timeout', '50ms', true),
  set_config('statement_timeout', '300ms', true);
