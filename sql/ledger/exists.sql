-- Whether this project was ever deployed here, and whether it recorded what it made.
--
-- Locks: none.

SELECT
  to_regclass('inventory_ops.ledger') IS NOT NULL AS ledger_exists,
  to_regclass('inventory_ops.made_object') IS NOT NULL AS record_exists;
