-- Gives the legacy rows that count what some stock rows say, and those rows themselves where they are missing.
--
-- :ids are the stock rows. By the synchronisation's own functions, which write only what differs.
--
-- Locks: FOR NO KEY UPDATE on the legacy rows of those stock rows until the end of the transaction.

SELECT
  inventory_ops.give_lifecycle(resynced.id, '{}', wholly => true),
  inventory_ops.give_financial(resynced.id, '{}', wholly => true),
  inventory_ops.give_metrics(resynced.id, '{reserved_quantity}')
FROM unnest(CAST(:ids AS uuid[])) AS resynced (id);
