-- The writes of Phase 2 at which a trigger of somebody else's is called, with the names of those triggers.
--
-- names and functions belong together. discarding: those that may discard a row, being BEFORE and for each row.
--
-- Locks: none; reads the catalog.

SELECT
  written.command,
  pg_class.relname AS relation,
  array_agg(pg_trigger.tgname::text ORDER BY pg_trigger.tgname) AS names,
  array_agg(pg_proc.proname::text ORDER BY pg_trigger.tgname) AS functions,
  coalesce(
    array_agg(pg_trigger.tgname::text ORDER BY pg_trigger.tgname) FILTER (WHERE pg_trigger.tgtype & 3 = 3), '{}'
  ) AS discarding
FROM (
  VALUES
    ('update', 16, 'stock'),
    ('update', 16, 'stock_financial'),
    ('insert', 4, 'stock_lifecycle'),
    ('update', 16, 'stock_lifecycle'),
    ('insert', 4, 'stock_metrics'),
    ('update', 16, 'stock_metrics')
) AS written (command, bit, relation)
JOIN pg_class
  ON pg_class.relname = written.relation
  AND pg_class.relnamespace = to_regnamespace('inventory')
  AND pg_class.relkind = 'r'
JOIN pg_trigger
  ON pg_trigger.tgrelid = pg_class.oid
  AND pg_trigger.tgtype & written.bit <> 0
  AND pg_trigger.tgenabled IN ('O', 'A')
  AND NOT pg_trigger.tgisinternal
JOIN pg_proc ON pg_proc.oid = pg_trigger.tgfoid
WHERE pg_proc.pronamespace IS DISTINCT FROM to_regnamespace('inventory_ops')
  -- Who may not write there is told so by privileges_sufficient.
  AND pg_has_role(pg_class.relowner, 'USAGE')
GROUP BY pg_class.relname, written.command
ORDER BY pg_class.relname DESC, written.command DESC;
