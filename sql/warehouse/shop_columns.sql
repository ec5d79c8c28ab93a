-- The columns of a table of the application's that this login may read, those of a time, and what changes when its rows do.
--
-- No row where there is no such table. The counters run ahead of no snapshot: a transaction is counted after it is
-- seen. They are NULL where they would not tell: for a view, for a table with partitions, where nobody counts.
--
-- :schema and :name are the table's.
--
-- Locks: none.

SELECT
  CASE
    WHEN
      pg_class.relkind = 'r'
      AND current_setting('track_counts')::boolean
      THEN concat_ws(
        ':',
        control.system_identifier,
        pg_database.oid,
        pg_class.relfilenode,
        counted.n_tup_ins,
        counted.n_tup_upd,
        counted.n_tup_del
      )
  END AS counted,
  ARRAY(
    SELECT pg_attribute.attname::text
    FROM pg_attribute
    WHERE
      pg_attribute.attrelid = pg_class.oid
      AND pg_attribute.attnum > 0
      AND NOT pg_attribute.attisdropped
      AND has_schema_privilege(pg_class.relnamespace, 'USAGE')
      AND has_column_privilege(pg_class.oid, pg_attribute.attnum, 'SELECT')
      -- Of which a policy would hide rows from this login; our sessions are told so by an error.
      AND NOT row_security_active(pg_class.oid)
    ORDER BY pg_attribute.attnum
  ) AS columns,
  ARRAY(
    SELECT pg_attribute.attname::text
    FROM pg_attribute
    INNER JOIN pg_type ON pg_attribute.atttypid = pg_type.oid
    WHERE
      pg_attribute.attrelid = pg_class.oid
      AND pg_attribute.attnum > 0
      AND coalesce(nullif(pg_type.typbasetype, 0), pg_type.oid)
      IN ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype)
  ) AS times
FROM pg_class
CROSS JOIN pg_control_system() AS control
INNER JOIN pg_database ON pg_database.datname = current_database()
INNER JOIN pg_namespace ON pg_class.relnamespace = pg_namespace.oid
LEFT JOIN pg_stat_all_tables AS counted ON pg_class.oid = counted.relid
WHERE pg_namespace.nspname = :schema AND pg_class.relname = :name;
