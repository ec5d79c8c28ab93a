-- Records that a step is done, and what is worth knowing of it.
--
-- Locks: ROW EXCLUSIVE on the ledger.

UPDATE inventory_ops.ledger
SET finished_at = clock_timestamp(), details = ledger.details || CAST(:details AS jsonb)
WHERE ledger.id = :id
RETURNING ledger.id;
