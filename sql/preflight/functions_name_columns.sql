-- No function of the shop's copies or gives back whole rows of stock.
--
-- One that fills a table by SELECT * FROM stock, or gives its rows as a type of its own, fails with the first column that stock
-- gets. It is found by its text, which a name put together at run time, or a function in another language, is not.
--
-- Effect: warns
-- Locks: none.
-- Fix: Look at the functions listed, and let them name the columns that they read, before the deployment.

WITH found AS (
  SELECT pg_proc.oid::regprocedure::text AS name
  FROM pg_proc
  WHERE pg_proc.pronamespace <> 'pg_catalog'::regnamespace
    AND pg_proc.pronamespace IS DISTINCT FROM to_regnamespace('inventory_ops')
    AND pg_proc.prosrc ~* '\mselect\s+(\w+\.)?\*[^;]*\mfrom\s+(only\s+)?("?inventory"?\.)?"?stock\M'
    AND (
      pg_proc.prosrc ~* '\minsert\s+into\M[^;]*\mselect\s+(\w+\.)?\*'
      OR (
        pg_proc.proretset
        AND pg_proc.prorettype IS DISTINCT FROM (
          SELECT pg_class.reltype FROM pg_class WHERE pg_class.oid = to_regclass('inventory.stock')
        )
      )
    )
)
SELECT
  -- Once the columns are there, what fails has failed.
  count(*) = 0 OR EXISTS (
    SELECT
    FROM pg_attribute
    WHERE pg_attribute.attrelid = to_regclass('inventory.stock') AND pg_attribute.attname = 'reserved_quantity'
  ) AS passed,
  count(*) AS functions,
  array_agg(found.name ORDER BY found.name) AS examples
FROM found;
