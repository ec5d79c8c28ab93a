-- Identity columns of one table, as statements that make the same ones on another and go on counting where they stand.
--
-- To be executed while both have the names they have now, and before one becomes a partition of the other. The new
-- sequence gets the old one's name, owner's grants and comment; the old one goes with the identity that it served.
--
-- Locks: none.

WITH identities AS (
  SELECT
    pg_attribute.attname AS column_name,
    pg_attribute.attidentity,
    place.nspname AS sequence_schema,
    sequence.relname AS sequence_name,
    sequence.oid AS sequence_oid,
    sequence.relowner,
    sequence.relacl,
    pg_sequence.seqstart,
    pg_sequence.seqincrement,
    pg_sequence.seqmin,
    pg_sequence.seqmax,
    pg_sequence.seqcache,
    pg_sequence.seqcycle,
    left(sequence.relname, 46) || '_soleflip_aside' AS aside
  FROM pg_attribute
  JOIN pg_depend ON pg_depend.classid = 'pg_class'::regclass
    AND pg_depend.refclassid = 'pg_class'::regclass
    AND pg_depend.refobjid = pg_attribute.attrelid
    AND pg_depend.refobjsubid = pg_attribute.attnum
    AND pg_depend.deptype = 'i'
  JOIN pg_class AS sequence ON sequence.oid = pg_depend.objid AND sequence.relkind = 'S'
  JOIN pg_namespace AS place ON place.oid = sequence.relnamespace
  JOIN pg_sequence ON pg_sequence.seqrelid = sequence.oid
  WHERE pg_attribute.attrelid = CAST(:source AS regclass) AND pg_attribute.attidentity <> ''
),
statements AS (
  SELECT
    identities.column_name,
    1 AS place,
    format('ALTER SEQUENCE %I.%I RENAME TO %I', identities.sequence_schema, identities.sequence_name, identities.aside) AS statement
  FROM identities
  UNION ALL
  SELECT
    identities.column_name,
    2,
    format(
      'ALTER TABLE %s ALTER COLUMN %I ADD GENERATED %s AS IDENTITY (SEQUENCE NAME %I.%I START %s INCREMENT %s MINVALUE %s '
      || 'MAXVALUE %s CACHE %s %s)',
      CAST(:target AS regclass), identities.column_name,
      CASE identities.attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END,
      identities.sequence_schema, identities.sequence_name, identities.seqstart, identities.seqincrement, identities.seqmin,
      identities.seqmax, identities.seqcache, CASE WHEN identities.seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END
    )
  FROM identities
  UNION ALL
  SELECT
    identities.column_name,
    3,
    format(
      'SELECT setval(%L, counted.last_value, counted.is_called) FROM %I.%I AS counted',
      format('%I.%I', identities.sequence_schema, identities.sequence_name), identities.sequence_schema, identities.aside
    )
  FROM identities
  UNION ALL
  SELECT
    identities.column_name,
    4,
    -- What whoever makes sequences gives away by default.
    format(
      'REVOKE ALL ON SEQUENCE %I.%I FROM %s', identities.sequence_schema, identities.sequence_name,
      CASE WHEN entry.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(entry.grantee)) END
    )
  FROM identities
  CROSS JOIN pg_default_acl
  CROSS JOIN LATERAL aclexplode(pg_default_acl.defaclacl) AS entry
  WHERE pg_default_acl.defaclobjtype = 'S' AND entry.grantee NOT IN (identities.relowner, CAST(to_regrole(quote_ident(current_user)) AS oid))
  UNION ALL
  SELECT
    identities.column_name,
    5,
    format(
      'GRANT %s ON SEQUENCE %I.%I TO %s%s', entry.privilege_type, identities.sequence_schema, identities.sequence_name,
      CASE WHEN entry.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(entry.grantee)) END,
      CASE WHEN entry.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
    )
  FROM identities
  CROSS JOIN LATERAL aclexplode(identities.relacl) AS entry
  UNION ALL
  SELECT
    identities.column_name,
    6,
    format(
      'COMMENT ON SEQUENCE %I.%I IS %L', identities.sequence_schema, identities.sequence_name,
      obj_description(identities.sequence_oid, 'pg_class')
    )
  FROM identities
  WHERE obj_description(identities.sequence_oid, 'pg_class') IS NOT NULL
  UNION ALL
  SELECT
    identities.column_name,
    7,
    format('ALTER TABLE %s ALTER COLUMN %I DROP IDENTITY', CAST(:source AS regclass), identities.column_name)
  FROM identities
)
SELECT statements.statement
FROM statements
ORDER BY statements.column_name, statements.place, statements.statement;
