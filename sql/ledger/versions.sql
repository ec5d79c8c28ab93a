-- The versions that ever began a step here.
--
-- Locks: ACCESS SHARE on the ledger.

SELECT DISTINCT ledger.version
FROM inventory_ops.ledger;
