-- Forgets an object that is not there any more.
--
-- Locks: ROW EXCLUSIVE on the record, one row.

DELETE FROM inventory_ops.made_object
WHERE made_object.object = :object
RETURNING made_object.object;
