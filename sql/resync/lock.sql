-- Locks some stock rows, in order, so that what is compared next is what is written.
--
-- :ids are the rows. By itself, not with what reads them: a statement sees nothing that a writer committed while it
-- waited for that writer's row.
--
-- Locks: FOR NO KEY UPDATE on those rows of stock until the end of the transaction.

SELECT stock.id
FROM inventory.stock
WHERE stock.id = ANY (CAST(:ids AS uuid[]))
ORDER BY stock.id
FOR NO KEY UPDATE;
