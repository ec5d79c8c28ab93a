-- Who may do what with one table and its columns, as statements that let them do so with the table that takes its name.
--
-- What the new table's owner gives away by default is taken back first. Who granted it becomes the owner.
--
-- Locks: none.

WITH tables AS (
  SELECT
    pg_class.oid = CAST(:source AS regclass) AS is_source,
    pg_class.oid,
    pg_class.relowner,
    pg_class.relacl IS NOT NULL AS said,
    coalesce(pg_class.relacl, acldefault('r', pg_class.relowner)) AS privileges
  FROM pg_class
  WHERE pg_class.oid IN (CAST(:source AS regclass), CAST(:target AS regclass))
),
granted AS (
  SELECT
    tables.is_source,
    tables.relowner,
    NULL::name AS column_name,
    entry.grantee,
    entry.privilege_type,
    entry.is_grantable
  FROM tables
  CROSS JOIN LATERAL aclexplode(tables.privileges) AS entry
  UNION ALL
  SELECT
    tables.is_source,
    tables.relowner,
    pg_attribute.attname,
    entry.grantee,
    entry.privilege_type,
    entry.is_grantable
  FROM tables
  JOIN pg_attribute ON pg_attribute.attrelid = tables.oid AND pg_attribute.attnum > 0 AND NOT pg_attribute.attisdropped
  CROSS JOIN LATERAL aclexplode(pg_attribute.attacl) AS entry
),
named AS (
  SELECT
    granted.is_source,
    granted.column_name,
    granted.privilege_type,
    granted.is_grantable,
    CASE
      WHEN granted.grantee = 0 THEN 'PUBLIC'
      -- The new table has another owner until the statement before this one.
      ELSE quote_ident(pg_get_userbyid(granted.grantee))
    END AS grantee,
    format('%I.%I', CAST(:schema AS text), CAST(:name AS text)) AS table_name
  FROM granted
)
SELECT statements.statement
FROM (
  SELECT DISTINCT
    1 AS place,
    format('REVOKE ALL ON TABLE %s FROM %s CASCADE', named.table_name, named.grantee) AS statement
  FROM named
  UNION ALL
  SELECT
    2,
    format(
      'GRANT %s ON TABLE %s TO %s%s',
      string_agg(
        named.privilege_type || coalesce(' (' || quote_ident(named.column_name) || ')', ''), ', '
        ORDER BY named.privilege_type, named.column_name
      ),
      named.table_name,
      named.grantee,
      CASE WHEN named.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
    )
  FROM named
  WHERE named.is_source
  GROUP BY named.table_name, named.grantee, named.is_grantable
) AS statements
-- Where nothing was ever said of either, nothing need be.
WHERE EXISTS (SELECT FROM tables WHERE tables.said)
  OR EXISTS (SELECT FROM granted WHERE granted.column_name IS NOT NULL)
ORDER BY statements.place, statements.statement;
