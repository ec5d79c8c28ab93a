-- Completes a backup that was made by hand, and records what it holds.
--
-- Locks: ACCESS EXCLUSIVE on the backup to the end of the transaction; nobody but a dump reads it.

SELECT inventory_ops.complete_backup(CAST(:backup AS regclass), CAST(:model AS regclass), :source) AS completed;
