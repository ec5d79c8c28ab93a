-- The legacy tables were dropped.
--
-- Locks: ACCESS SHARE on the ledger.
-- Fix: Drop them first, with `soleflip drop-legacy --yes`.

SELECT
  count(*) > 0 AS passed,
  max(ledger.finished_at) AS since
FROM inventory_ops.ledger
WHERE ledger.step = 'drop_legacy_tables' AND ledger.finished_at IS NOT NULL AND ledger.reverted_at IS NULL;
