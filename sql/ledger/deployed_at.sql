-- When the last step of the current deployment was first finished; NULL if it was not, or a revert has begun to drop.
--
-- Locks: ACCESS SHARE on the ledger.

SELECT
  CASE
    WHEN NOT coalesce(bool_or(ledger.step = '20_drop_view'), false)
    THEN min(ledger.finished_at) FILTER (WHERE ledger.step = '81_stock_metrics_view')
  END AS deployed_at
FROM inventory_ops.ledger
WHERE ledger.reverted_at IS NULL;
