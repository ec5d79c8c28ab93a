-- Whether stock has yet to get the columns of Phase 2, which phase2/40_stock_columns.sql adds.
--
-- Locks: none.

SELECT count(*) < 3 AS lacking
FROM pg_catalog.pg_attribute
WHERE pg_attribute.attrelid = to_regclass('inventory.stock')
  AND pg_attribute.attname IN ('listed_on_platforms', 'status_history', 'reserved_quantity')
  AND NOT pg_attribute.attisdropped;
