-- Remembers that the legacy tables are there again, made from what stock holds: they are no longer retired.
--
-- Locks: ROW EXCLUSIVE on the ledger.

UPDATE inventory_ops.ledger
SET details = ledger.details || jsonb_build_object('made_again_at', clock_timestamp())
WHERE ledger.step = 'drop_legacy_tables' AND ledger.reverted_at IS NULL
RETURNING ledger.id;
