-- Forgets objects that are not there any more.
--
-- Locks: ROW EXCLUSIVE on the record, one row an object.

DELETE FROM inventory_ops.made_object
WHERE made_object.object = ANY (CAST(:objects AS text[]));
