-- When a retirement step was carried out, and by whom; no row if it was not.
--
-- Locks: ACCESS SHARE on the ledger.

SELECT ledger.finished_at AS retired_at, ledger.executed_by AS retired_by
FROM inventory_ops.ledger
WHERE ledger.step = :step AND ledger.finished_at IS NOT NULL AND ledger.reverted_at IS NULL
ORDER BY ledger.id DESC
LIMIT 1;
