-- Rows and size of the three legacy tables.
--
-- Locks: ACCESS SHARE on each for the length of its count.

SELECT 'stock_financial' AS name, count(*) AS rows, pg_total_relation_size('inventory.stock_financial') AS bytes
FROM inventory.stock_financial
UNION ALL
SELECT 'stock_lifecycle', count(*), pg_total_relation_size('inventory.stock_lifecycle')
FROM inventory.stock_lifecycle
UNION ALL
SELECT 'stock_metrics', count(*), pg_total_relation_size('inventory.stock_metrics')
FROM inventory.stock_metrics;
