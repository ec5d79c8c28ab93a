-- Moves a table out of the way, into inventory_ops, under a name that says what it is.
--
-- Locks: ACCESS EXCLUSIVE on the table to the end of the transaction.

SELECT inventory_ops.set_aside(CAST(:relation AS regclass), :suffix) AS name;
