-- Records that a step begins.
--
-- Locks: ROW EXCLUSIVE on the ledger.

INSERT INTO inventory_ops.ledger (step, checksum, version)
VALUES (:step, :checksum, :version)
RETURNING id;
