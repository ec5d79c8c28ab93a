-- What the planner was told of a table's columns, as statements that tell it the same of the table that takes its name.
--
-- Locks: none.

SELECT format('ALTER TABLE ONLY %I.%I ALTER COLUMN %I %s', CAST(:schema AS text), CAST(:name AS text), setting.name, setting.words)
  AS statement
FROM (
  SELECT
    pg_attribute.attname AS name,
    'SET STATISTICS ' || pg_attribute.attstattarget AS words
  FROM pg_attribute
  WHERE pg_attribute.attrelid = CAST(:source AS regclass) AND pg_attribute.attnum > 0 AND pg_attribute.attstattarget >= 0
    AND NOT pg_attribute.attisdropped
  UNION ALL
  SELECT
    pg_attribute.attname,
    format('SET (%I = %L)', split_part(setting, '=', 1), split_part(setting, '=', 2))
  FROM pg_attribute
  CROSS JOIN LATERAL unnest(pg_attribute.attoptions) AS setting
  WHERE pg_attribute.attrelid = CAST(:source AS regclass) AND pg_attribute.attnum > 0 AND NOT pg_attribute.attisdropped
) AS setting
ORDER BY setting.name, setting.words;
