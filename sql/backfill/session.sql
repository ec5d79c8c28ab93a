-- How the backfill behaves towards others: for the session that its batches run in.
--
-- A batch gives up a row that a writer holds after 300 ms, and is then tried again. Longer than PostgreSQL's
-- deadlock_timeout, 1 s by default, and it might end the writer's transaction instead of the batch. Its commit does
-- not wait for the disk: the rows and the record of them are one transaction, so what a crash of the server takes
-- is made again.
--
-- Locks: none.

SELECT
  set_config('lock_timeout', '300ms', false),
  set_config('statement_timeout', '60s', false),
  set_config('synchronous_commit', 'off', false);
