-- Gives the legacy rows that count what some stock rows say, and those rows themselves where they are missing.
--
-- :ids are the stock rows. By the synchronisation's own functions, which write only what differs.
--
-- Locks: FOR NO KEY UPDATE on the legacy rows of those stock rows until the end of the transaction.

SELECT
  inventory_ops.give_lifecycle(
    resynced.id, '{}', learns => '{shelf_life_days,listed_on_platforms,status_history}'
  ),
  inventory_ops.give_financial(
    resynced.id,
    '{}',
    learns => '{purchase_price,gross_purchase_price,vat_amount,profit_per_shelf_day,roi}'
  ),
  inventory_ops.give_metrics(resynced.id, '{reserved_quantity}')
FROM unnest(CAST(:ids AS uuid[])) AS resynced (id);
