-- Makes the room of what was deleted from Dagster's storage usable again, and gives back what lies at a table's end.
--
-- Locks: SHARE UPDATE EXCLUSIVE on one table after the other: readers and writers go on.

VACUUM (ANALYZE) public.event_logs;

VACUUM (ANALYZE) public.asset_event_tags;

VACUUM (ANALYZE) public.asset_check_executions;

VACUUM (ANALYZE) public.runs;

VACUUM (ANALYZE) public.run_tags;
