-- The synchronisation can write what it must: no column, constraint or rule stands in its way.
--
-- It adds rows to stock_lifecycle and stock_metrics, naming the columns that it knows, and changes those columns in stock
-- and in the legacy tables. A write of the shop that sets it off would fail otherwise.
--
-- Effect: stops
-- Locks: none.
-- Fix: Give a further column a default or let it be NULL; turn a generated column into an ordinary one; drop a CHECK of a
--      legacy table, or move it to stock, where the value is written first; validate a CHECK of stock that is NOT VALID,
--      or drop it; drop rules; end inheritance with ALTER TABLE … NO INHERIT ….
-- Until: drop_legacy_tables

WITH written (relation, columns) AS (
  VALUES
    (
      'stock',
      ARRAY[
        'purchase_price', 'gross_purchase_price', 'vat_amount', 'profit_per_shelf_day', 'roi_percentage', 'shelf_life_days'
      ]
    ),
    (
      'stock_financial',
      ARRAY['purchase_price', 'gross_purchase_price', 'vat_amount', 'profit_per_shelf_day', 'roi', 'updated_at']
    ),
    (
      'stock_lifecycle',
      ARRAY[
        'id', 'stock_id', 'shelf_life_days', 'listed_on_platforms', 'status_history', 'created_at', 'updated_at'
      ]
    ),
    (
      'stock_metrics',
      ARRAY[
        'id', 'stock_id', 'available_quantity', 'reserved_quantity', 'total_cost', 'expected_profit',
        'last_calculated_at', 'created_at', 'updated_at'
      ]
    )
),
target AS (
  SELECT pg_class.oid, pg_class.relname, written.columns, pg_class.relname <> 'stock' AS is_legacy
  FROM written
  JOIN pg_class ON pg_class.relname = written.relation AND pg_class.relnamespace = to_regnamespace('inventory')
),
obstacle AS (
  SELECT format('%s.%s: is generated', target.relname, attribute.attname) AS what
  FROM target
  JOIN pg_attribute AS attribute ON attribute.attrelid = target.oid AND attribute.attname = ANY (target.columns)
  WHERE attribute.attgenerated <> '' OR attribute.attidentity = 'a'
  UNION ALL
  SELECT format('%s.%s: is NOT NULL and has no default', target.relname, attribute.attname)
  FROM target
  JOIN pg_attribute AS attribute
    ON attribute.attrelid = target.oid
    AND attribute.attnum > 0
    AND NOT attribute.attisdropped
    AND attribute.attname <> ALL (target.columns)
  WHERE target.relname IN ('stock_lifecycle', 'stock_metrics')
    AND NOT attribute.atthasdef
    AND attribute.attidentity = ''
    -- NOT NULL of the column, or of the domain that it is of.
    AND (
      attribute.attnotnull
      OR EXISTS (SELECT FROM pg_type WHERE pg_type.oid = attribute.atttypid AND pg_type.typnotnull AND pg_type.typdefault IS NULL)
    )
  UNION ALL
  SELECT format('%s.%s: must not be NULL, while the other side may be', target.relname, attribute.attname)
  FROM target
  JOIN pg_attribute AS attribute ON attribute.attrelid = target.oid AND attribute.attnotnull
  WHERE (target.relname, attribute.attname::text) IN (
    VALUES
      ('stock', 'listed_on_platforms'), ('stock', 'status_history'),
      ('stock_financial', 'profit_per_shelf_day'), ('stock_financial', 'roi'),
      ('stock_lifecycle', 'shelf_life_days'), ('stock_lifecycle', 'listed_on_platforms'),
      ('stock_lifecycle', 'status_history'), ('stock_metrics', 'total_cost'), ('stock_metrics', 'expected_profit')
  )
  UNION ALL
  SELECT format('%s: constraint %s: %s', target.relname, pg_constraint.conname, pg_get_constraintdef(pg_constraint.oid))
  FROM target
  JOIN pg_constraint ON pg_constraint.conrelid = target.oid AND pg_constraint.contype IN ('c', 'x')
  WHERE target.is_legacy
    AND EXISTS (
      SELECT
      FROM pg_attribute AS attribute
      WHERE attribute.attrelid = target.oid
        AND attribute.attnum = ANY (pg_constraint.conkey)
        AND attribute.attname = ANY (target.columns)
    )
  UNION ALL
  -- The backfill writes rows that were there before it, and meets it then.
  SELECT format('%s: constraint %s: %s', target.relname, pg_constraint.conname, pg_get_constraintdef(pg_constraint.oid))
  FROM target
  -- A NOT NULL has a row from PostgreSQL 18 on, and can be NOT VALID.
  JOIN pg_constraint ON pg_constraint.conrelid = target.oid AND pg_constraint.contype IN ('c', 'n')
  WHERE NOT target.is_legacy
    AND NOT pg_constraint.convalidated
    AND pg_get_constraintdef(pg_constraint.oid) NOT LIKE '%NOT ENFORCED'
    AND pg_constraint.conname <> 'stock_reserved_quantity_within_quantity'
  UNION ALL
  SELECT format('%s: has the child table %s, at whose rows no trigger of ours is called', target.relname, pg_inherits.inhrelid::regclass)
  FROM target
  JOIN pg_inherits ON pg_inherits.inhparent = target.oid
  UNION ALL
  SELECT format('%s: rule %s', target.relname, pg_rewrite.rulename)
  FROM target
  JOIN pg_rewrite ON pg_rewrite.ev_class = target.oid
)
SELECT
  count(*) = 0 AS passed,
  count(*) AS obstacles,
  (array_agg(obstacle.what ORDER BY obstacle.what))[1:20] AS examples
FROM obstacle;
