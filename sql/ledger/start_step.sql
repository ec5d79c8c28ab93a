-- Records that a step begins, and where it resumes.
--
-- Locks: ROW EXCLUSIVE on the ledger.

INSERT INTO inventory_ops.ledger (step, checksum, version, details)
VALUES (:step, :checksum, :version, CAST(:details AS jsonb))
RETURNING id;
