-- A batch gives up a row that a writer holds after 300 ms, and is then tried again. Longer than PostgreSQL's
-- deadlock_timeout, 1 s by default, and it might end the writer's transaction instead of the batch.
--
-- Locks: none. Until the end of the transaction.

SELECT
  set_config('lock_timeout', '300ms', true),
  set_config('statement_timeout', '60s', true);
