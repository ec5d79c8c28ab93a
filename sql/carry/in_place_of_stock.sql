-- The query that a view reads in place of stock when the new columns go: they are in the legacy tables again.
--
-- stock may have columns of the shop's own, so the query is put together from what is there.
--
-- Locks: none.

SELECT format(
  'SELECT %s FROM inventory.stock'
  ' LEFT JOIN LATERAL ('
  'SELECT newest.listed_on_platforms, newest.status_history FROM inventory.stock_lifecycle AS newest'
  ' WHERE newest.stock_id = stock.id'
  ' ORDER BY newest.updated_at DESC NULLS LAST, newest.created_at DESC NULLS LAST, newest.id DESC LIMIT 1'
  ') AS lifecycle ON true'
  ' LEFT JOIN inventory.stock_metrics AS metrics ON metrics.stock_id = stock.id',
  string_agg(
    CASE pg_attribute.attname
      WHEN 'listed_on_platforms' THEN 'lifecycle.listed_on_platforms'
      WHEN 'status_history' THEN 'lifecycle.status_history'
      WHEN 'reserved_quantity' THEN 'coalesce(metrics.reserved_quantity, 0) AS reserved_quantity'
      ELSE format('stock.%I', pg_attribute.attname)
    END,
    ', '
    ORDER BY pg_attribute.attnum
  )
) AS query
FROM pg_attribute
WHERE pg_attribute.attrelid = 'inventory.stock'::regclass
  AND pg_attribute.attnum > 0
  AND NOT pg_attribute.attisdropped;
