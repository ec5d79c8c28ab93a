-- When a retirement step was carried out, and by whom; no row if it was not.
--
-- Where tables were found to be gone (found), it is when they were found, and by whom; who dropped them is not known.
--
-- Locks: ACCESS SHARE on the ledger.

SELECT ledger.finished_at AS retired_at, ledger.executed_by AS retired_by, ledger.details ->> 'found' AS found
FROM inventory_ops.ledger
WHERE ledger.step = :step AND ledger.finished_at IS NOT NULL AND ledger.reverted_at IS NULL
  AND NOT ledger.details ? 'made_again_at'
ORDER BY ledger.id DESC
LIMIT 1;
