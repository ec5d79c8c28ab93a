-- The triggers of a table, as statements that drop them: on a partition they would be there twice.
--
-- Locks: none.

SELECT format('DROP TRIGGER %I ON %s', pg_trigger.tgname, pg_trigger.tgrelid::regclass) AS statement
FROM pg_trigger
WHERE pg_trigger.tgrelid = CAST(:source AS regclass) AND NOT pg_trigger.tgisinternal AND pg_trigger.tgparentid = 0
ORDER BY pg_trigger.tgname;
