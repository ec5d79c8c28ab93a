-- How the trial behaves towards others, until its transaction is rolled back.
--
-- A trigger is called with the search_path of the functions of Phase 2, which do most of the writing: what it does not
-- find now, it would not find later. The trial gives up a row that somebody holds after 300 ms, like the backfill.
-- Deferred triggers are called at once: what they refuse would be refused at the commit, which the trial never comes to.
--
-- Locks: none.

SELECT
  set_config('search_path', 'pg_catalog, pg_temp', true),
  set_config('lock_timeout', '300ms', true),
  set_config('statement_timeout', '10s', true);

SET CONSTRAINTS ALL IMMEDIATE;
