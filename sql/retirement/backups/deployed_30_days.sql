-- Phase 2 has been deployed for 30 days.
--
-- Locks: ACCESS SHARE on the ledger.
-- Fix: Wait until then; nothing is gained by dropping them earlier.

SELECT
  coalesce(deployed.at + interval '30 days' <= coalesce(CAST(:now AS timestamptz), now()), false) AS passed,
  deployed.at AS since,
  deployed.at + interval '30 days' AS until
FROM (
  SELECT min(ledger.finished_at) AS at
  FROM inventory_ops.ledger
  WHERE ledger.step = '81_stock_metrics_view' AND ledger.reverted_at IS NULL
) AS deployed;
