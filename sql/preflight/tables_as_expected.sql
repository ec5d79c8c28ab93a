-- stock and the legacy tables have the columns that the deployment was written for.
--
-- :expected is a JSON array of {"table", "column", "type", "nullable", "added"}; a column that is "added" by the
-- deployment, and there before, was added by hand and is adopted. A column that may be NULL where none was expected is reported and let pass.
--
-- Effect: stops
-- Locks: none.
-- Fix: Bring the columns listed to the type expected; rename or drop one that others added under our name.

WITH expected AS (
  SELECT wanted.position, wanted.table, wanted.column, wanted.type, wanted.nullable, wanted.added
  FROM ROWS FROM (
    jsonb_to_recordset(CAST(:expected AS jsonb))
      AS ("table" text, "column" text, type text, nullable boolean, added boolean)
  ) WITH ORDINALITY AS wanted ("table", "column", type, nullable, added, position)
),
found AS (
  SELECT
    pg_class.relname AS "table",
    attribute.attname AS "column",
    -- Without the schema, which is printed or not as the search_path says.
    regexp_replace(format_type(attribute.atttypid, attribute.atttypmod), '^(inventory|public)\.', '') AS type,
    NOT attribute.attnotnull AS nullable
  FROM pg_class
  JOIN pg_attribute AS attribute ON attribute.attrelid = pg_class.oid
  WHERE pg_class.relnamespace = to_regnamespace('inventory')
    AND pg_class.relkind = 'r'
    AND attribute.attnum > 0
    AND NOT attribute.attisdropped
),
compared AS (
  SELECT
    expected.position,
    expected.table,
    expected.column,
    expected.type || CASE WHEN expected.nullable THEN '' ELSE ' NOT NULL' END AS expected,
    found.type || CASE WHEN found.nullable THEN '' ELSE ' NOT NULL' END AS found,
    CASE
      WHEN expected.added AND found.column IS NULL THEN 'to be added'
      WHEN found.column IS NULL THEN 'missing'
      WHEN found.type <> regexp_replace(expected.type, '^inventory\.', '') THEN 'other type'
      WHEN expected.added AND NOT :begun THEN 'adopted'
      WHEN found.nullable AND NOT expected.nullable THEN 'may be NULL'
      ELSE 'as expected'
    END AS verdict
  FROM expected
  LEFT JOIN found ON found.table = expected.table AND found.column = expected.column
)
SELECT
  count(*) FILTER (WHERE compared.verdict IN ('missing', 'other type')) = 0 AS passed,
  count(*) AS columns_expected,
  count(*) FILTER (WHERE compared.verdict = 'missing') AS missing,
  count(*) FILTER (WHERE compared.verdict = 'other type') AS other_type,
  count(*) FILTER (WHERE compared.verdict = 'adopted') AS adopted,
  count(*) FILTER (WHERE compared.verdict = 'may be NULL') AS may_be_null,
  jsonb_agg(
    jsonb_build_object(
      'table', compared.table,
      'column', compared.column,
      'expected', compared.expected,
      'found', compared.found,
      'verdict', compared.verdict
    )
    ORDER BY compared.position
  ) AS columns,
  ARRAY(
    SELECT format(
      '%s: is a %s, expected an ordinary table',
      pg_class.relname,
      CASE pg_class.relkind
        WHEN 'p' THEN 'partitioned table'
        WHEN 'v' THEN 'view'
        WHEN 'm' THEN 'materialized view'
        WHEN 'f' THEN 'foreign table'
        ELSE format('relation of kind %s', pg_class.relkind)
      END
    )
    FROM pg_class
    WHERE pg_class.relnamespace = to_regnamespace('inventory')
      AND pg_class.relkind <> 'r'
      AND pg_class.relname IN (SELECT expected.table FROM expected)
    ORDER BY pg_class.relname
  ) || (
    array_agg(
      format('%s.%s: %s, expected %s, found %s',
        compared.table, compared.column, compared.verdict, compared.expected, coalesce(compared.found, 'none'))
      ORDER BY compared.position
    ) FILTER (WHERE compared.verdict IN ('missing', 'other type'))
  )[1:20] AS examples
FROM compared;
