-- What a database is besides what it holds: all that pg_dump leaves to CREATE DATABASE and to ALTER DATABASE.
--
-- Columns that only some versions have are read by way of JSON.
--
-- Locks: none.

SELECT
  pg_get_userbyid(pg_database.datdba)::text AS owner,
  pg_encoding_to_char(pg_database.encoding)::text AS encoding,
  pg_database.datcollate::text AS collate,
  pg_database.datctype::text AS ctype,
  CASE pg_database.datlocprovider WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END AS provider,
  coalesce(known.as_json ->> 'datlocale', known.as_json ->> 'daticulocale') AS locale,
  known.as_json ->> 'daticurules' AS icu_rules,
  pg_database.datcollversion AS collation_version,
  pg_tablespace.spcname::text AS tablespace,
  pg_database.datconnlimit AS connection_limit,
  pg_database.datistemplate AS is_template,
  pg_database.datallowconn AS allow_connections,
  shobj_description(pg_database.oid, 'pg_database') AS comment,
  -- NULL is what a new database has. In the order in which they were granted: who passes a right on had it before.
  CASE
    WHEN pg_database.datacl IS NOT NULL
    THEN (
      SELECT coalesce(
        jsonb_agg(
          jsonb_build_array(
            pg_get_userbyid(item.grantor),
            CASE WHEN item.grantee <> 0 THEN pg_get_userbyid(item.grantee) END,
            item.privilege_type,
            item.is_grantable
          )
          ORDER BY item.place
        ),
        '[]'
      )
      FROM aclexplode(pg_database.datacl) WITH ORDINALITY AS item (grantor, grantee, privilege_type, is_grantable, place)
    )
  END AS privileges,
  (
    SELECT coalesce(
      jsonb_agg(
        jsonb_build_array(
          CASE WHEN setting.setrole <> 0 THEN pg_get_userbyid(setting.setrole) END,
          split_part(item.assignment, '=', 1),
          substr(item.assignment, strpos(item.assignment, '=') + 1)
        )
        ORDER BY setting.setrole::bigint, item.place
      ),
      '[]'
    )
    FROM pg_db_role_setting AS setting
    CROSS JOIN LATERAL unnest(setting.setconfig) WITH ORDINALITY AS item (assignment, place)
    WHERE setting.setdatabase = pg_database.oid
  ) AS settings,
  (
    SELECT coalesce(jsonb_agg(jsonb_build_array(label.provider, label.label) ORDER BY label.provider), '[]')
    FROM pg_shseclabel AS label
    WHERE label.classoid = 'pg_database'::regclass AND label.objoid = pg_database.oid
  ) AS labels
FROM pg_database
JOIN pg_tablespace ON pg_tablespace.oid = pg_database.dattablespace
CROSS JOIN LATERAL (SELECT to_jsonb(pg_database) AS as_json) AS known
WHERE pg_database.datname = :database;
