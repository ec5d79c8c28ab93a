-- How a table is stored, as statements that have a new partition stored alike: a partitioned table has no such settings.
--
-- Locks: none.

SELECT statements.statement
FROM (
  SELECT
    1 AS place,
    format(
      'ALTER TABLE %s SET (%s)', CAST(:partition AS text),
      string_agg(
        format('%s%I = %L', options.prefix, split_part(setting.text, '=', 1), split_part(setting.text, '=', 2)), ', '
        ORDER BY options.prefix, setting.number
      )
    ) AS statement
  FROM pg_class
  LEFT JOIN pg_class AS toast ON toast.oid = pg_class.reltoastrelid
  CROSS JOIN LATERAL (VALUES ('', pg_class.reloptions), ('toast.', toast.reloptions)) AS options (prefix, settings)
  CROSS JOIN LATERAL unnest(options.settings) WITH ORDINALITY AS setting (text, number)
  WHERE pg_class.oid = CAST(:source AS regclass)
  HAVING count(*) > 0
  UNION ALL
  SELECT
    2,
    format(
      'ALTER TABLE %s REPLICA IDENTITY %s', CAST(:partition AS text),
      CASE pg_class.relreplident WHEN 'f' THEN 'FULL' ELSE 'NOTHING' END
    )
  FROM pg_class
  WHERE pg_class.oid = CAST(:source AS regclass) AND pg_class.relreplident IN ('f', 'n')
  UNION ALL
  SELECT
    3,
    format('ALTER TABLE %s ALTER COLUMN %I SET STATISTICS %s', CAST(:partition AS text), pg_attribute.attname, pg_attribute.attstattarget)
  FROM pg_attribute
  WHERE pg_attribute.attrelid = CAST(:source AS regclass) AND pg_attribute.attnum > 0 AND NOT pg_attribute.attisdropped
    AND pg_attribute.attstattarget >= 0
  UNION ALL
  SELECT
    4,
    format('ALTER TABLE %s OWNER TO %I', CAST(:partition AS text), pg_get_userbyid(pg_class.relowner))
  FROM pg_class
  WHERE pg_class.oid = CAST(:source AS regclass)
) AS statements
ORDER BY statements.place, statements.statement;
