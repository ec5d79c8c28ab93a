-- The publications that name a table, as statements that let them name the table that takes its name.
--
-- Locks: none.

SELECT format(
  'ALTER PUBLICATION %I ADD TABLE %I.%I%s%s',
  pg_publication.pubname,
  CAST(:schema AS text),
  CAST(:name AS text),
  (
    SELECT ' (' || string_agg(quote_ident(pg_attribute.attname), ', ' ORDER BY pg_attribute.attnum) || ')'
    FROM pg_attribute
    WHERE pg_attribute.attrelid = pg_publication_rel.prrelid
      AND pg_attribute.attnum = ANY (string_to_array(pg_publication_rel.prattrs::text, ' ')::smallint[])
  ),
  ' WHERE (' || pg_get_expr(pg_publication_rel.prqual, pg_publication_rel.prrelid) || ')'
) AS statement
FROM pg_publication_rel
JOIN pg_publication ON pg_publication.oid = pg_publication_rel.prpubid
WHERE pg_publication_rel.prrelid = CAST(:source AS regclass)
ORDER BY pg_publication.pubname;
