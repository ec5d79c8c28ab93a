-- Records how far a step has come, in the transaction that got it there.
--
-- Locks: ROW EXCLUSIVE on the ledger.

UPDATE inventory_ops.ledger
SET details = ledger.details || CAST(:details AS jsonb)
WHERE ledger.id = :id
RETURNING ledger.id;
