-- What deployments made, oldest first.
--
-- Locks: ACCESS SHARE on the record.

SELECT made_object.object, made_object.statement, made_object.step, made_object.version
FROM inventory_ops.made_object
ORDER BY made_object.made_at, made_object.object;
