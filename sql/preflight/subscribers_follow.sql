-- Nobody subscribes to what the deployment adds: columns of stock, and tables beside it.
--
-- A subscriber stops at the first change of a column or table that it has not. A publication that lists columns of stock
-- sends no others. Which subscribers there are, and what they have, is not to be seen from here.
--
-- Effect: warns
-- Locks: none.
-- Fix: Before you deploy, let each subscriber have what is listed (for stock: sql/phase2/40_stock_columns.sql), or limit the
--      publication to what it sends now, with ALTER PUBLICATION … SET TABLE and the columns of stock by name.

WITH sent AS (
  SELECT
    pg_publication.pubname,
    CASE
      WHEN pg_publication.puballtables THEN 'all tables, with those of inventory_ops and the backups in inventory'
      WHEN in_schema.pnpubid IS NOT NULL THEN 'all tables of inventory, with the backups, and all columns of stock'
      ELSE 'all columns of stock'
    END AS what
  FROM pg_publication
  LEFT JOIN pg_publication_namespace AS in_schema
    ON in_schema.pnpubid = pg_publication.oid AND in_schema.pnnspid = to_regnamespace('inventory')
  LEFT JOIN pg_publication_rel AS in_table
    ON in_table.prpubid = pg_publication.oid
    AND in_table.prrelid = to_regclass('inventory.stock')
    AND in_table.prattrs IS NULL
  WHERE pg_publication.puballtables OR in_schema.pnpubid IS NOT NULL OR in_table.prpubid IS NOT NULL
)
SELECT
  :begun OR count(*) = 0 AS passed,
  count(*) AS publications,
  array_agg(format('publication %s sends %s', sent.pubname, sent.what) ORDER BY sent.pubname) AS examples
FROM sent;
