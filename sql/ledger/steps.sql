-- The current deployment's entries, oldest first.
--
-- Locks: ACCESS SHARE on the ledger.

SELECT
  ledger.id,
  ledger.step,
  ledger.checksum,
  ledger.version,
  ledger.executed_by,
  ledger.started_at,
  ledger.finished_at,
  ledger.details
FROM inventory_ops.ledger
WHERE ledger.reverted_at IS NULL
ORDER BY ledger.id;
