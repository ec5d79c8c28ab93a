-- The dumps that somebody may still need, by their SHA-256, the newest first: those that a restore drill has proven,
-- and that of the current deployment, which a retirement, a drill or a rollback asks for.
--
-- Locks: ACCESS SHARE on the ledger.

SELECT
  ledger.details ->> 'sha256' AS sha256,
  ledger.step = 'restore_drill' AS proven
FROM inventory_ops.ledger
WHERE ledger.finished_at IS NOT NULL
  AND (ledger.step = 'restore_drill' OR (ledger.step = 'database_dump' AND ledger.reverted_at IS NULL))
ORDER BY ledger.id DESC;
