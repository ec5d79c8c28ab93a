-- The indexes that a partitioned table is to have, from those of the ordinary one: statements that make each beside,
-- set the old one's name aside, and give the new one that name.
--
-- A unique one without the column is not among them: it stays with the partition (local_indexes.sql). A primary key
-- without the column gets it; its index was prepared.
--
-- Locks: none.

WITH known AS (
  SELECT
    pg_index.indexrelid,
    pg_class.relname AS name,
    pg_namespace.nspname AS place,
    pg_index.indisprimary,
    pg_constraint.oid AS constraint_oid,
    pg_get_constraintdef(pg_constraint.oid) AS constraint_definition,
    -- How the index is stored, which pg_get_constraintdef leaves out.
    coalesce(' WITH (' || array_to_string(pg_class.reloptions, ', ') || ')', '') AS storage,
    pg_get_indexdef(pg_index.indexrelid) AS definition,
    format(
      'CREATE %sINDEX %I ON %s USING ', CASE WHEN pg_index.indisunique THEN 'UNIQUE ' ELSE '' END, pg_class.relname,
      format('%I.%I', CAST(:schema AS text), CAST(:name AS text))
    ) AS beginning,
    pg_index.indisunique,
    pg_index.indexprs IS NULL AND EXISTS (
      SELECT
      FROM unnest(string_to_array(pg_index.indkey::text, ' ')::smallint[]) WITH ORDINALITY AS part (number, position)
      WHERE part.number = pg_attribute.attnum AND part.position <= pg_index.indnkeyatts
    ) AS has_column,
    row_number() OVER (ORDER BY pg_index.indexrelid) AS number
  FROM pg_index
  JOIN pg_class ON pg_class.oid = pg_index.indexrelid
  JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
  JOIN pg_attribute ON pg_attribute.attrelid = pg_index.indrelid AND pg_attribute.attname = :column
  LEFT JOIN pg_constraint ON pg_constraint.conindid = pg_index.indexrelid AND pg_constraint.conrelid = pg_index.indrelid
    AND pg_constraint.contype IN ('p', 'u')
  WHERE pg_index.indrelid = CAST(:source AS regclass) AND pg_class.relname <> :prepared
)
SELECT
  known.name::text AS name,
  CASE
    WHEN known.constraint_oid IS NULL THEN format(
      'CREATE %sINDEX %I ON %I.%I USING %s', CASE WHEN known.indisunique THEN 'UNIQUE ' ELSE '' END,
      CAST(:made AS text) || '_i' || known.number, CAST(:schema AS text), CAST(:made AS text),
      substr(known.definition, length(known.beginning) + 1)
    )
    WHEN known.has_column THEN format(
      'ALTER TABLE %I.%I ADD CONSTRAINT %I %s', CAST(:schema AS text), CAST(:made AS text),
      CAST(:made AS text) || '_i' || known.number,
      regexp_replace(known.constraint_definition, '(( DEFERRABLE| INITIALLY DEFERRED)*)$', known.storage || '\1')
    )
    ELSE format(
      'ALTER TABLE %I.%I ADD CONSTRAINT %I %s', CAST(:schema AS text), CAST(:made AS text),
      CAST(:made AS text) || '_i' || known.number,
      left(known.constraint_definition, -1) || ', ' || quote_ident(:column) || ')' || known.storage
    )
  END AS make,
  CASE
    WHEN known.constraint_oid IS NULL THEN format(
      'ALTER INDEX %I.%I RENAME TO %I', known.place, known.name, CAST(:first AS text) || '_i' || known.number
    )
    WHEN known.has_column THEN format(
      'ALTER TABLE %I.%I RENAME CONSTRAINT %I TO %I', CAST(:schema AS text), CAST(:name AS text), known.name,
      CAST(:first AS text) || '_i' || known.number
    )
    ELSE format(
      'ALTER TABLE %I.%I DROP CONSTRAINT %I, ADD CONSTRAINT %I PRIMARY KEY USING INDEX %I', CAST(:schema AS text),
      CAST(:name AS text), known.name, CAST(:first AS text) || '_i' || known.number, CAST(:prepared AS text)
    )
  END AS set_aside,
  CASE
    WHEN known.constraint_oid IS NULL THEN format(
      'ALTER INDEX %I.%I RENAME TO %I', known.place, CAST(:made AS text) || '_i' || known.number, known.name
    )
    ELSE format(
      'ALTER TABLE %I.%I RENAME CONSTRAINT %I TO %I', CAST(:schema AS text), CAST(:made AS text),
      CAST(:made AS text) || '_i' || known.number, known.name
    )
  END AS give_name
FROM known
WHERE NOT known.indisunique OR known.indisprimary OR known.has_column
ORDER BY known.number;
