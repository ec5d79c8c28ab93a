-- Views that read some relations, each after those that it reads itself: its query, and what it reads of each relation.
--
-- :relations by their names, :columns as for inventory_ops.readers_of(). Only those that a change of these relations
-- means. obstacle says why one cannot be carried along by this user, in a few words.
--
-- Locks: none.

SELECT
  format('%I.%I', pg_namespace.nspname, pg_class.relname) AS name,
  CASE pg_class.relkind WHEN 'm' THEN 'materialized view' ELSE 'view' END AS kind,
  found.query,
  ARRAY(
    SELECT DISTINCT format('%I.%I', source_schema.nspname, source.relname) || part.name
    FROM pg_rewrite
    JOIN pg_depend ON pg_depend.classid = 'pg_rewrite'::regclass AND pg_depend.objid = pg_rewrite.oid
    JOIN pg_class AS source ON pg_depend.refclassid = 'pg_class'::regclass AND source.oid = pg_depend.refobjid
    JOIN pg_namespace AS source_schema ON source_schema.oid = source.relnamespace
    LEFT JOIN pg_attribute
      ON pg_attribute.attrelid = source.oid AND pg_attribute.attnum = nullif(pg_depend.refobjsubid, 0)
    -- A relation of which columns are read is not recorded by itself.
    CROSS JOIN LATERAL (VALUES (''), ('.' || pg_attribute.attname)) AS part (name)
    WHERE pg_rewrite.ev_class = pg_class.oid
      AND part.name IS NOT NULL
      AND pg_rewrite.rulename = '_RETURN'
      AND source.oid = ANY (ARRAY(SELECT to_regclass(name) FROM unnest(CAST(:relations AS text[])) AS name))
    ORDER BY 1
  ) AS sources,
  CASE
    WHEN pg_class.relpersistence = 't' THEN 'it is a temporary view of some session'
    WHEN EXISTS (
      SELECT
      FROM pg_depend
      WHERE pg_depend.classid = 'pg_class'::regclass AND pg_depend.objid = pg_class.oid AND pg_depend.deptype = 'e'
    ) THEN 'it belongs to an extension'
    WHEN NOT pg_has_role(pg_class.relowner, 'USAGE')
      THEN format('it belongs to %s, of which this user is no member', pg_get_userbyid(pg_class.relowner))
    WHEN NOT has_schema_privilege(pg_namespace.oid, 'CREATE')
      THEN format('this user may not CREATE in schema %s', pg_namespace.nspname)
    WHEN pg_class.relkind = 'm'
      AND pg_get_userbyid(pg_class.relowner) <> current_user
      AND NOT (SELECT pg_roles.rolsuper FROM pg_roles WHERE pg_roles.rolname = current_user)
      AND NOT has_schema_privilege(pg_class.relowner, pg_namespace.oid, 'CREATE')
      THEN format('its owner %s may not CREATE in schema %s', pg_get_userbyid(pg_class.relowner), pg_namespace.nspname)
  END AS obstacle
FROM inventory_ops.readers_of(ARRAY(SELECT to_regclass(name) FROM unnest(CAST(:relations AS text[])) AS name), CAST(:columns AS text[]))
  WITH ORDINALITY AS found (reader, query, detached, place)
JOIN pg_class ON pg_class.oid = found.reader
JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
WHERE found.detached
ORDER BY found.place;
