-- Whether Phase 2 is deployed, by which entry of the ledger, and whether an earlier deployment was reverted.
--
-- :remembered is the entry by which it was deployed when somebody last looked; NULL if it never was.
--
-- Locks: ACCESS SHARE on the ledger.

SELECT
  max(ledger.id) FILTER (
    WHERE ledger.step = '81_stock_metrics_view' AND ledger.finished_at IS NOT NULL AND ledger.reverted_at IS NULL
  ) AS deployed_by,
  coalesce(
    bool_or(ledger.id = CAST(:remembered AS bigint) AND ledger.reverted_at IS NOT NULL), false
  ) AS remembered_is_reverted
FROM inventory_ops.ledger;
