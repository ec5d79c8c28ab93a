-- A batch waits two seconds for a row that a writer holds, and is then tried again.
--
-- Locks: none. Until the end of the transaction.

SELECT
  set_config('lock_timeout', '2s', true),
  set_config('statement_timeout', '60s', true);
