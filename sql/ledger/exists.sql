-- Whether this project was ever deployed here.
--
-- Locks: none.

SELECT to_regclass('inventory_ops.ledger') IS NOT NULL AS ledger_exists;
