-- What this database needs of a server and of whoever restores it there.
--
-- Each row names a need, whose it is, and what for: words that follow "which" or stand for themselves in a message.
--
-- Locks: none.

WITH own AS (
  SELECT pg_database.oid, pg_database.datdba, pg_database.dattablespace
  FROM pg_database
  WHERE pg_database.datname = current_database()
),

extension_member AS (
  SELECT pg_depend.classid, pg_depend.objid FROM pg_depend WHERE pg_depend.deptype = 'e'
),

-- The first superuser's objects are in no pg_shdepend; all others' are.
owner AS (
  SELECT pg_shdepend.refobjid AS role
  FROM pg_shdepend
  JOIN own ON own.oid = pg_shdepend.dbid
  WHERE pg_shdepend.deptype = 'o'
    AND pg_shdepend.refclassid = 'pg_authid'::regclass
    -- An extension belongs to whoever restores it.
    AND pg_shdepend.classid <> 'pg_extension'::regclass
    AND NOT EXISTS (
      SELECT
      FROM extension_member
      WHERE extension_member.classid = pg_shdepend.classid AND extension_member.objid = pg_shdepend.objid
    )
  UNION
  SELECT made.owner
  FROM (
    SELECT 'pg_namespace'::regclass, pg_namespace.oid, pg_namespace.nspowner FROM pg_namespace
    UNION ALL
    SELECT 'pg_class'::regclass, pg_class.oid, pg_class.relowner
    FROM pg_class
    WHERE pg_class.relkind NOT IN ('c', 'i', 'I', 't')
    UNION ALL
    SELECT 'pg_proc'::regclass, pg_proc.oid, pg_proc.proowner FROM pg_proc
    UNION ALL
    -- Not what comes with a table or with another type.
    SELECT 'pg_type'::regclass, pg_type.oid, pg_type.typowner
    FROM pg_type
    LEFT JOIN pg_class ON pg_class.oid = pg_type.typrelid
    WHERE pg_type.typcategory <> 'A' AND (pg_type.typrelid = 0 OR pg_class.relkind = 'c')
  ) AS made (class, oid, owner)
  WHERE made.oid >= 16384
    AND NOT EXISTS (
      SELECT FROM extension_member WHERE extension_member.classid = made.class AND extension_member.objid = made.oid
    )
    AND NOT EXISTS (
      SELECT
      FROM pg_class
      JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
      WHERE made.class = 'pg_class'::regclass AND pg_class.oid = made.oid AND pg_namespace.nspname ~ '^pg_'
    )
    AND NOT EXISTS (
      SELECT FROM pg_namespace
      WHERE made.class = 'pg_namespace'::regclass AND pg_namespace.oid = made.oid AND pg_namespace.nspname ~ '^pg_'
    )
    AND NOT EXISTS (
      SELECT
      FROM pg_type
      JOIN pg_namespace ON pg_namespace.oid = pg_type.typnamespace
      WHERE made.class = 'pg_type'::regclass AND pg_type.oid = made.oid AND pg_namespace.nspname ~ '^pg_'
    )
),

need (need, name, reason) AS (
  SELECT 'member', pg_get_userbyid(own.datdba)::text, 'owns the database' FROM own
  UNION ALL
  SELECT 'member', pg_get_userbyid(owner.role)::text, 'owns objects in the database' FROM owner
  UNION ALL
  SELECT 'member', pg_get_userbyid(item.grantor)::text, 'granted privileges on the database'
  FROM own
  JOIN pg_database ON pg_database.oid = own.oid
  CROSS JOIN LATERAL aclexplode(pg_database.datacl) AS item
  WHERE item.grantor <> own.datdba
  UNION ALL
  -- Of the database itself (a row of all databases) and of what is in it.
  SELECT 'role', pg_get_userbyid(pg_shdepend.refobjid)::text, 'has privileges or settings there'
  FROM pg_shdepend
  CROSS JOIN own
  WHERE pg_shdepend.refclassid = 'pg_authid'::regclass
    AND (
      pg_shdepend.dbid = own.oid
      OR (
        pg_shdepend.dbid = 0
        AND pg_shdepend.classid = 'pg_database'::regclass
        AND pg_shdepend.objid = own.oid
      )
    )
  UNION ALL
  SELECT 'settings of', pg_get_userbyid(setting.setrole)::text, 'has settings in the database'
  FROM pg_db_role_setting AS setting
  JOIN own ON own.oid = setting.setdatabase
  WHERE setting.setrole <> 0
  UNION ALL
  SELECT 'parameter', split_part(item.assignment, '=', 1), 'is set for the database'
  FROM pg_db_role_setting AS setting
  JOIN own ON own.oid = setting.setdatabase
  CROSS JOIN LATERAL unnest(setting.setconfig) AS item (assignment)
  UNION ALL
  SELECT 'tablespace', pg_tablespace.spcname::text, 'holds the database or tables of it'
  FROM pg_tablespace
  CROSS JOIN own
  WHERE pg_tablespace.spcname <> 'pg_default'
    AND (
      pg_tablespace.oid = own.dattablespace
      OR EXISTS (SELECT FROM pg_class WHERE pg_class.reltablespace = pg_tablespace.oid AND NOT pg_class.relisshared)
    )
  UNION ALL
  SELECT 'extension', pg_extension.extname::text, 'is in the database'
  FROM pg_extension
  WHERE pg_extension.extname <> 'plpgsql'
  UNION ALL
  -- Without a superuser pg_dump leaves subscriptions out.
  SELECT
    CASE WHEN pg_roles.rolsuper THEN 'subscription' ELSE 'subscription that is in no dump' END,
    pg_subscription.subname::text,
    'is in the database'
  FROM pg_subscription
  JOIN own ON own.oid = pg_subscription.subdbid
  JOIN pg_roles ON pg_roles.rolname = current_user
  UNION ALL
  SELECT 'superuser', made.name, 'only a superuser may create'
  FROM (
    SELECT 'pg_event_trigger'::regclass, pg_event_trigger.oid, 'event trigger ' || pg_event_trigger.evtname
    FROM pg_event_trigger
    UNION ALL
    SELECT
      'pg_foreign_data_wrapper'::regclass,
      pg_foreign_data_wrapper.oid,
      'foreign-data wrapper ' || pg_foreign_data_wrapper.fdwname
    FROM pg_foreign_data_wrapper
    UNION ALL
    SELECT 'pg_publication'::regclass, pg_publication.oid, 'publication ' || pg_publication.pubname
    FROM pg_publication
    WHERE pg_publication.puballtables
      OR EXISTS (SELECT FROM pg_publication_namespace WHERE pg_publication_namespace.pnpubid = pg_publication.oid)
    UNION ALL
    SELECT 'pg_language'::regclass, pg_language.oid, 'language ' || pg_language.lanname
    FROM pg_language
    WHERE NOT pg_language.lanpltrusted
    UNION ALL
    SELECT 'pg_proc'::regclass, pg_proc.oid, 'function ' || pg_proc.oid::regprocedure::text
    FROM pg_proc
    JOIN pg_language ON pg_language.oid = pg_proc.prolang
    WHERE NOT pg_language.lanpltrusted OR pg_proc.proleakproof
    UNION ALL
    SELECT 'pg_type'::regclass, pg_type.oid, 'type ' || pg_type.oid::regtype::text
    FROM pg_type
    WHERE pg_type.typtype = 'b' AND pg_type.typcategory <> 'A'
    UNION ALL
    SELECT 'pg_opclass'::regclass, pg_opclass.oid, 'operator class ' || pg_opclass.opcname FROM pg_opclass
    UNION ALL
    SELECT 'pg_opfamily'::regclass, pg_opfamily.oid, 'operator family ' || pg_opfamily.opfname FROM pg_opfamily
    UNION ALL
    SELECT 'pg_am'::regclass, pg_am.oid, 'access method ' || pg_am.amname FROM pg_am
    UNION ALL
    SELECT 'pg_ts_parser'::regclass, pg_ts_parser.oid, 'text search parser ' || pg_ts_parser.prsname FROM pg_ts_parser
    UNION ALL
    SELECT 'pg_ts_template'::regclass, pg_ts_template.oid, 'text search template ' || pg_ts_template.tmplname
    FROM pg_ts_template
  ) AS made (class, oid, name)
  WHERE made.oid >= 16384
    AND NOT EXISTS (
      SELECT FROM extension_member WHERE extension_member.classid = made.class AND extension_member.objid = made.oid
    )
)

SELECT DISTINCT need.need, need.name, need.reason
FROM need
ORDER BY need.need, need.name, need.reason;
