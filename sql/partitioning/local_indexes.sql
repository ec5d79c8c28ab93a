-- The unique indexes of a table that a partitioned table cannot have, since the column is not in them: statements that
-- make them on one partition, where they hold for its rows.
--
-- Locks: none.

SELECT coalesce(
  'ALTER TABLE ' || CAST(:partition AS text) || ' ADD ' || regexp_replace(
    pg_get_constraintdef(pg_constraint.oid), '(( DEFERRABLE| INITIALLY DEFERRED)*)$',
    coalesce(' WITH (' || array_to_string(pg_class.reloptions, ', ') || ')', '') || '\1'
  ),
  format(
    'CREATE UNIQUE INDEX ON %s USING %s', CAST(:partition AS text),
    substr(
      pg_get_indexdef(pg_index.indexrelid),
      1 + length(format('CREATE UNIQUE INDEX %I ON %I.%I USING ', pg_class.relname, CAST(:schema AS text), CAST(:name AS text)))
    )
  )
) AS statement
FROM pg_index
JOIN pg_class ON pg_class.oid = pg_index.indexrelid
JOIN pg_attribute ON pg_attribute.attrelid = pg_index.indrelid AND pg_attribute.attname = :column
LEFT JOIN pg_constraint ON pg_constraint.conindid = pg_index.indexrelid AND pg_constraint.conrelid = pg_index.indrelid
  AND pg_constraint.contype = 'u'
WHERE pg_index.indrelid = CAST(:source AS regclass)
  AND pg_index.indisunique
  AND NOT pg_index.indisprimary
  AND pg_class.relname <> :prepared
  AND NOT (
    pg_index.indexprs IS NULL
    AND EXISTS (
      SELECT
      FROM unnest(string_to_array(pg_index.indkey::text, ' ')::smallint[]) WITH ORDINALITY AS part (number, position)
      WHERE part.number = pg_attribute.attnum AND part.position <= pg_index.indnkeyatts
    )
  )
ORDER BY pg_index.indexrelid;
