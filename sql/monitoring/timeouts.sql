-- A monitor waits ten seconds for a lock and runs for two minutes: one that hangs would raise no alarm.
--
-- Locks: none. Until the end of the session.

SELECT
  set_config('lock_timeout', '10s', false),
  set_config('statement_timeout', '2min', false);
