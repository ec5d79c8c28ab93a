-- Each change went up or down.
--
-- Locks: none; it reads the warehouse.

SELECT
  'changes' AS what,
  coalesce(sum(price_changes.raised + price_changes.lowered), 0) AS found,
  coalesce(sum(price_changes.changes), 0) AS expected
FROM price_changes;
