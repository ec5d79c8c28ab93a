-- What others have added to stock that goes with its new columns: indexes, constraints, statistics, settings.
--
-- Indexes that a deployment makes and the bounds of the reservations are ours.
--
-- Locks: none.

WITH column_of AS (
  SELECT pg_attribute.attrelid, pg_attribute.attnum, pg_attribute.attname, pg_attribute.attstattarget
  FROM pg_attribute
  WHERE pg_attribute.attrelid = 'inventory.stock'::regclass
    AND pg_attribute.attname = ANY (CAST(:columns AS text[]))
    AND NOT pg_attribute.attisdropped
),
-- What goes with a column is recorded so.
goes AS (
  SELECT DISTINCT pg_depend.classid, pg_depend.objid
  FROM column_of
  JOIN pg_depend
    ON pg_depend.refclassid = 'pg_class'::regclass
    AND pg_depend.refobjid = column_of.attrelid
    AND pg_depend.refobjsubid = column_of.attnum
    AND pg_depend.deptype = 'a'
)
SELECT 'index ' || pg_get_indexdef(pg_class.oid) AS added
FROM goes
JOIN pg_class ON goes.classid = 'pg_class'::regclass AND pg_class.oid = goes.objid
WHERE pg_class.relkind IN ('i', 'I')
  AND pg_class.relname NOT IN ('idx_stock_reserved', 'idx_stock_listed_platforms', 'idx_stock_status_history')
UNION ALL
SELECT format('constraint %I: %s', pg_constraint.conname, pg_get_constraintdef(pg_constraint.oid))
FROM goes
JOIN pg_constraint ON goes.classid = 'pg_constraint'::regclass AND pg_constraint.oid = goes.objid
WHERE pg_constraint.contype <> 'n' AND pg_constraint.conname <> 'stock_reserved_quantity_within_quantity'
UNION ALL
SELECT 'statistics ' || pg_get_statisticsobjdef(pg_statistic_ext.oid)
FROM goes
JOIN pg_statistic_ext ON goes.classid = 'pg_statistic_ext'::regclass AND pg_statistic_ext.oid = goes.objid
UNION ALL
SELECT format('column %s, which is generated from it', pg_attribute.attname)
FROM goes
JOIN pg_attrdef ON goes.classid = 'pg_attrdef'::regclass AND pg_attrdef.oid = goes.objid
JOIN pg_attribute ON pg_attribute.attrelid = pg_attrdef.adrelid AND pg_attribute.attnum = pg_attrdef.adnum
WHERE pg_attribute.attgenerated <> ''
UNION ALL
SELECT format('settings of column %s', column_of.attname)
FROM column_of
WHERE column_of.attstattarget >= 0
ORDER BY 1;
