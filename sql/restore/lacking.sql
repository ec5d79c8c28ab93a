-- Which of a database's needs this server or this user does not meet.
--
-- Locks: none.

WITH who AS (
  SELECT
    pg_roles.rolname,
    pg_roles.rolsuper,
    pg_roles.rolcreatedb,
    pg_roles.rolcreaterole,
    current_setting('server_version_num')::integer / 10000 AS major
  FROM pg_roles
  WHERE pg_roles.rolname = current_user
),

need AS (
  SELECT needed.need, needed.name, needed.reason
  FROM jsonb_to_recordset(CAST(:needs AS jsonb)) AS needed (need text, name text, reason text)
),

lack (rank, lack, name, reason) AS (
  SELECT 1, 'a role', need.name, min(need.reason)
  FROM need
  LEFT JOIN pg_roles ON pg_roles.rolname = need.name
  WHERE need.need IN ('role', 'member', 'settings of') AND pg_roles.oid IS NULL
  GROUP BY need.name
  UNION ALL
  SELECT 1, 'a tablespace', need.name, need.reason
  FROM need
  LEFT JOIN pg_tablespace ON pg_tablespace.spcname = need.name
  WHERE need.need = 'tablespace' AND pg_tablespace.oid IS NULL
  UNION ALL
  SELECT 1, 'an extension', need.name, need.reason
  FROM need
  LEFT JOIN pg_available_extensions AS available ON available.name = need.name
  WHERE need.need = 'extension' AND available.name IS NULL
  UNION ALL
  -- From 16 on a membership may come without the right to give somebody something.
  SELECT 2, 'membership', need.name, need.reason
  FROM need
  JOIN pg_roles ON pg_roles.rolname = need.name
  CROSS JOIN who
  WHERE need.need = 'member'
    AND NOT who.rolsuper
    -- Who owns the database is its member, and nobody else can be.
    AND need.name <> 'pg_database_owner'
    AND NOT CASE
      WHEN who.major >= 16
      THEN pg_has_role(pg_roles.oid, 'SET') AND pg_has_role(pg_roles.oid, 'USAGE')
      ELSE pg_has_role(pg_roles.oid, 'USAGE')
    END
  UNION ALL
  SELECT 3, 'the right to create databases', who.rolname, ''
  FROM who
  WHERE NOT (who.rolsuper OR who.rolcreatedb)
  UNION ALL
  SELECT 4, 'CREATE on a tablespace', need.name, need.reason
  FROM need
  JOIN pg_tablespace ON pg_tablespace.spcname = need.name
  WHERE need.need = 'tablespace' AND NOT has_tablespace_privilege(pg_tablespace.oid, 'CREATE')
  UNION ALL
  SELECT 5, 'SET on a parameter', need.name, need.reason
  FROM need
  JOIN pg_settings ON lower(pg_settings.name) = lower(need.name)
  WHERE need.need = 'parameter'
    AND pg_settings.context IN ('superuser', 'superuser-backend')
    AND NOT has_parameter_privilege(need.name, 'SET')
  UNION ALL
  SELECT 5, 'another role''s settings', need.name, need.reason
  FROM need
  JOIN pg_roles ON pg_roles.rolname = need.name
  CROSS JOIN who
  WHERE need.need = 'settings of'
    AND NOT who.rolsuper
    AND need.name <> who.rolname
    AND NOT (
      who.rolcreaterole
      AND NOT pg_roles.rolsuper
      AND (who.major < 16 OR pg_has_role(pg_roles.oid, 'MEMBER WITH ADMIN OPTION'))
    )
  UNION ALL
  SELECT 6, 'superuser', need.name, need.reason
  FROM need
  CROSS JOIN who
  WHERE need.need = 'superuser' AND NOT who.rolsuper
  UNION ALL
  SELECT 6, 'superuser', 'extension ' || need.name, 'only a superuser may create'
  FROM need
  CROSS JOIN who
  JOIN pg_available_extensions AS available ON available.name = need.name
  JOIN pg_available_extension_versions AS offered
    ON offered.name = available.name AND offered.version = available.default_version
  WHERE need.need = 'extension' AND offered.superuser AND NOT offered.trusted AND NOT who.rolsuper
  UNION ALL
  SELECT 6, 'subscriptions', need.name, need.reason
  FROM need
  CROSS JOIN who
  WHERE need.need = 'subscription'
    AND NOT who.rolsuper
    AND NOT CASE WHEN who.major >= 16 THEN pg_has_role('pg_create_subscription', 'USAGE') ELSE false END
)

SELECT DISTINCT lack.rank, lack.lack, lack.name, lack.reason, who.rolname::text AS user_name
FROM lack
CROSS JOIN who
ORDER BY lack.rank, lack.lack, lack.name, lack.reason;
