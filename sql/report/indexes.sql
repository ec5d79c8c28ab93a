-- The new indexes as they are.
--
-- Locks: none.

SELECT
  index_class.relname AS name,
  table_class.relname AS relation,
  pg_get_indexdef(pg_index.indexrelid) AS definition,
  pg_index.indisvalid AS valid,
  pg_relation_size(pg_index.indexrelid) AS bytes
FROM pg_index
JOIN pg_class AS index_class ON index_class.oid = pg_index.indexrelid
JOIN pg_class AS table_class ON table_class.oid = pg_index.indrelid
WHERE index_class.relnamespace IN ('inventory'::regnamespace, 'inventory_ops'::regnamespace)
  AND index_class.relname IN (
    'idx_stock_reserved',
    'idx_stock_listed_platforms',
    'idx_stock_status_history',
    'idx_stock_metrics_view_stock_id',
    'idx_stock_metrics_view_available'
  )
ORDER BY table_class.relname, index_class.relname;
