-- Moves a batch of events that met no month into their months, where these are there by now.
--
-- Locks: ROW EXCLUSIVE on the logs and the rows that are moved, for the length of the batch.

SELECT inventory_ops.move_overflow(CAST(:batch AS integer)) AS moved;
