-- What of the shop's tables the log could not take: columns of another type, and a table that is a view or a foreign one.
-- A column that is missing is NULL there.
--
-- Locks: none; reads the catalog.

WITH known (relation, name, types) AS (
  VALUES
    ('inventory.stock', 'id', '{uuid}'),
    ('inventory.stock', 'product_id', '{uuid}'),
    ('inventory.stock', 'size_id', '{uuid}'),
    ('inventory.stock', 'supplier_id', '{uuid}'),
    ('inventory.stock', 'supplier', '{text,character varying}'),
    ('inventory.stock', 'quantity', '{integer,smallint}'),
    ('inventory.stock', 'reserved_quantity', '{integer,smallint}'),
    ('inventory.stock', 'purchase_price', '{"numeric(10,2)"}'),
    ('inventory.stock', 'gross_purchase_price', '{"numeric(10,2)"}'),
    ('inventory.stock', 'roi_percentage', '{"numeric(5,2)"}'),
    ('inventory.stock', 'profit_per_shelf_day', '{"numeric(10,2)"}'),
    ('inventory.stock', 'status', '{text,character varying}'),
    ('inventory.stock', 'location', '{text,character varying}'),
    ('inventory.stock', 'purchase_date', '{timestamp with time zone}'),
    ('inventory.stock', 'delivery_date', '{timestamp with time zone}'),
    ('inventory.stock', 'created_at', '{timestamp with time zone}'),
    ('inventory.stock', 'updated_at', '{timestamp with time zone}'),
    ('inventory.stock', 'listed_on_platforms', '{jsonb}'),
    ('inventory.stock_reservation', 'id', '{uuid}'),
    ('inventory.stock_reservation', 'stock_id', '{uuid}'),
    ('inventory.stock_reservation', 'reserved_quantity', '{integer,smallint}'),
    ('inventory.stock_reservation', 'status', '{text,character varying}'),
    ('inventory.stock_reservation', 'reserved_until', '{timestamp with time zone}'),
    ('inventory.stock_reservation', 'reservation_reason', '{text,character varying}'),
    ('inventory.stock_reservation', 'created_at', '{timestamp with time zone}'),
    ('inventory.stock_reservation', 'updated_at', '{timestamp with time zone}')
)
SELECT
  known.relation || '.' || known.name AS name,
  coalesce(format_type(pg_attribute.atttypid, pg_attribute.atttypmod), 'missing') AS type,
  CAST(known.types AS text[]) AS wanted
FROM known
LEFT JOIN pg_attribute
  ON pg_attribute.attrelid = to_regclass(known.relation)
  AND pg_attribute.attname = known.name
  AND pg_attribute.attnum > 0
WHERE CASE
  WHEN pg_attribute.attname IS NULL THEN known.name = 'id'
  ELSE NOT ARRAY[
    format_type(pg_attribute.atttypid, pg_attribute.atttypmod),
    -- Text of any length.
    format_type(pg_attribute.atttypid, NULL)
  ] && CAST(known.types AS text[])
END
UNION ALL
-- What is only compared can be of any type that can be.
SELECT
  pg_attribute.attrelid::regclass || '.' || pg_attribute.attname,
  format_type(pg_attribute.atttypid, NULL),
  '{a type with an equality operator}'
FROM pg_attribute
WHERE pg_attribute.attrelid IN (to_regclass('inventory.stock'), to_regclass('inventory.stock_reservation'))
  AND pg_attribute.attname IN (
    'notes', 'external_ids', 'vat_amount', 'vat_rate', 'shelf_life_days', 'listed_stockx', 'listed_alias', 'listed_local',
    'status_history', 'detailed_status', 'reserved_by'
  )
  AND pg_attribute.atttypid IN ('json'::regtype, 'xml'::regtype, 'point'::regtype)
UNION ALL
SELECT
  pg_class.oid::regclass::text,
  CASE pg_class.relkind WHEN 'f' THEN 'a foreign table' ELSE 'a view' END,
  '{a table}'
FROM pg_class
WHERE pg_class.oid IN (to_regclass('inventory.stock'), to_regclass('inventory.stock_reservation'))
  AND pg_class.relkind IN ('v', 'm', 'f')
ORDER BY 1;
