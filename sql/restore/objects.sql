-- Every object of a database that a dump holds, by the name that it has on any server, and what is known of it:
-- its owner, who may what with it, its options; a hash of what is long.
--
-- Definitions of views and expressions are left out: PostgreSQL prints one that it has read back from its own dump in
-- other words. What belongs to an extension comes with it, in the version that the server has.
--
-- Locks: none.

WITH object (class, oid, owner, privileges, details) AS (
  SELECT
    'pg_namespace'::regclass,
    pg_namespace.oid,
    pg_namespace.nspowner,
    coalesce(pg_namespace.nspacl, acldefault('n', pg_namespace.nspowner)),
    ''
  FROM pg_namespace
  WHERE pg_namespace.nspname !~ '^pg_'
  UNION ALL
  SELECT
    'pg_class'::regclass,
    pg_class.oid,
    pg_class.relowner,
    CASE
      WHEN pg_class.relkind NOT IN ('i', 'I', 'c')
      THEN coalesce(
        pg_class.relacl,
        acldefault(CASE WHEN pg_class.relkind = 'S' THEN 's'::"char" ELSE 'r'::"char" END, pg_class.relowner)
      )
    END,
    concat_ws(
      '; ',
      'persistence ' || pg_class.relpersistence::text,
      'kept by ' || pg_am.amname,
      'options ' || (SELECT string_agg(option, ', ' ORDER BY option) FROM unnest(pg_class.reloptions) AS option),
      'replica identity ' || pg_class.relreplident::text,
      CASE WHEN pg_class.relrowsecurity THEN 'row security' END,
      CASE WHEN pg_class.relforcerowsecurity THEN 'forced row security' END,
      'tablespace ' || pg_tablespace.spcname,
      'child of ' || (
        SELECT string_agg(pg_inherits.inhparent::regclass::text, ', ' ORDER BY pg_inherits.inhseqno)
        FROM pg_inherits
        WHERE pg_inherits.inhrelid = pg_class.oid AND pg_class.relkind NOT IN ('i', 'I')
      ),
      'columns ' || (
        SELECT string_agg(
          concat_ws(
            ' ',
            quote_ident(pg_attribute.attname),
            format_type(pg_attribute.atttypid, pg_attribute.atttypmod),
            CASE WHEN pg_attribute.attnotnull THEN 'not null' END,
            CASE WHEN pg_attribute.atthasdef THEN 'default' END,
            'identity ' || nullif(pg_attribute.attidentity::text, ''),
            'generated ' || nullif(pg_attribute.attgenerated::text, ''),
            'collate ' || nullif(pg_attribute.attcollation, pg_type.typcollation)::regcollation::text,
            'statistics ' || nullif(pg_attribute.attstattarget, -1),
            'storage ' || nullif(pg_attribute.attstorage, pg_type.typstorage)::text,
            'compression ' || nullif(pg_attribute.attcompression::text, ''),
            -- A server may keep notes of its own there.
            'options ' || (
              SELECT string_agg(option, ', ' ORDER BY option)
              FROM unnest(pg_attribute.attoptions) AS option
              WHERE starts_with(option, 'n_distinct')
            ),
            'privileges ' || (
              SELECT string_agg(item::text, ', ' ORDER BY item::text) FROM unnest(pg_attribute.attacl) AS item
            )
          ),
          ', '
          -- A table that inherits from another is restored with the columns of its parent first.
          ORDER BY
            CASE
              WHEN NOT pg_class.relispartition
                AND EXISTS (SELECT FROM pg_inherits WHERE pg_inherits.inhrelid = pg_class.oid)
              THEN pg_attribute.attname
            END,
            pg_attribute.attnum
        )
        FROM pg_attribute
        JOIN pg_type ON pg_type.oid = pg_attribute.atttypid
        WHERE pg_attribute.attrelid = pg_class.oid
          AND pg_class.relkind NOT IN ('i', 'I', 'S')
          AND pg_attribute.attnum > 0
          AND NOT pg_attribute.attisdropped
      ),
      'starts at ' || (
        SELECT format(
          '%s, from %s to %s by %s, %s at a time, cycle %s',
          pg_sequence.seqstart,
          pg_sequence.seqmin,
          pg_sequence.seqmax,
          pg_sequence.seqincrement,
          pg_sequence.seqcache,
          pg_sequence.seqcycle
        )
        FROM pg_sequence
        WHERE pg_sequence.seqrelid = pg_class.oid
      )
    )
  FROM pg_class
  JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
  LEFT JOIN pg_am ON pg_am.oid = pg_class.relam
  LEFT JOIN pg_tablespace ON pg_tablespace.oid = pg_class.reltablespace
  WHERE pg_namespace.nspname !~ '^pg_' AND pg_class.relkind <> 't' AND pg_class.relpersistence <> 't'
  UNION ALL
  SELECT
    'pg_proc'::regclass,
    pg_proc.oid,
    pg_proc.proowner,
    coalesce(pg_proc.proacl, acldefault('f', pg_proc.proowner)),
    concat_ws(
      '; ',
      pg_language.lanname,
      'returns ' || format_type(pg_proc.prorettype, NULL),
      'volatility ' || pg_proc.provolatile::text,
      'parallel ' || pg_proc.proparallel::text,
      CASE WHEN pg_proc.prosecdef THEN 'as its owner' END,
      CASE WHEN pg_proc.proisstrict THEN 'strict' END,
      CASE WHEN pg_proc.proleakproof THEN 'leakproof' END,
      'settings ' || (SELECT string_agg(setting, ', ' ORDER BY setting) FROM unnest(pg_proc.proconfig) AS setting),
      'text ' || md5(pg_proc.prosrc)
    )
  FROM pg_proc
  JOIN pg_language ON pg_language.oid = pg_proc.prolang
  UNION ALL
  SELECT
    'pg_type'::regclass,
    pg_type.oid,
    pg_type.typowner,
    coalesce(pg_type.typacl, acldefault('T', pg_type.typowner)),
    concat_ws(
      '; ',
      'kind ' || pg_type.typtype::text,
      'of ' || nullif(format_type(nullif(pg_type.typbasetype, 0), pg_type.typtypmod), '-'),
      CASE WHEN pg_type.typnotnull THEN 'not null' END,
      'values ' || (
        SELECT string_agg(pg_enum.enumlabel, ', ' ORDER BY pg_enum.enumsortorder)
        FROM pg_enum
        WHERE pg_enum.enumtypid = pg_type.oid
      ),
      'constraints ' || (
        SELECT string_agg(pg_constraint.conname, ', ' ORDER BY pg_constraint.conname)
        FROM pg_constraint
        WHERE pg_constraint.contypid = pg_type.oid AND pg_constraint.contype = 'c'
      )
    )
  FROM pg_type
  LEFT JOIN pg_class ON pg_class.oid = pg_type.typrelid
  WHERE pg_type.typcategory <> 'A' AND (pg_type.typrelid = 0 OR pg_class.relkind = 'c')
  UNION ALL
  SELECT
    'pg_trigger'::regclass,
    pg_trigger.oid,
    NULL,
    NULL,
    format('%s, kind %s, %s', pg_trigger.tgfoid::regproc, pg_trigger.tgtype, pg_trigger.tgenabled)
  FROM pg_trigger
  WHERE NOT pg_trigger.tgisinternal
  UNION ALL
  SELECT
    'pg_rewrite'::regclass,
    pg_rewrite.oid,
    NULL,
    NULL,
    format('on %s, %s', pg_rewrite.ev_type, pg_rewrite.ev_enabled)
  FROM pg_rewrite
  WHERE pg_rewrite.rulename <> '_RETURN'
  UNION ALL
  SELECT
    'pg_policy'::regclass,
    pg_policy.oid,
    NULL,
    NULL,
    format(
      'for %s, permissive %s, to %s, %s, %s',
      pg_policy.polcmd,
      pg_policy.polpermissive,
      (
        SELECT string_agg(CASE WHEN role = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(role) END, ', ' ORDER BY role = 0)
        FROM (SELECT role FROM unnest(pg_policy.polroles) AS role ORDER BY pg_get_userbyid(role)) AS named
      ),
      pg_policy.polqual IS NOT NULL,
      pg_policy.polwithcheck IS NOT NULL
    )
  FROM pg_policy
  UNION ALL
  SELECT
    'pg_event_trigger'::regclass,
    pg_event_trigger.oid,
    pg_event_trigger.evtowner,
    NULL,
    format(
      'on %s, %s, %s, %s',
      pg_event_trigger.evtevent,
      pg_event_trigger.evtfoid::regproc,
      pg_event_trigger.evtenabled,
      pg_event_trigger.evttags
    )
  FROM pg_event_trigger
  UNION ALL
  SELECT
    'pg_publication'::regclass,
    pg_publication.oid,
    pg_publication.pubowner,
    NULL,
    format(
      'all tables %s, insert %s, update %s, delete %s, truncate %s, by root %s',
      pg_publication.puballtables,
      pg_publication.pubinsert,
      pg_publication.pubupdate,
      pg_publication.pubdelete,
      pg_publication.pubtruncate,
      pg_publication.pubviaroot
    )
  FROM pg_publication
  UNION ALL
  SELECT
    'pg_publication_rel'::regclass,
    pg_publication_rel.oid,
    NULL,
    NULL,
    format('rows chosen %s, columns chosen %s', pg_publication_rel.prqual IS NOT NULL, pg_publication_rel.prattrs)
  FROM pg_publication_rel
  UNION ALL
  SELECT 'pg_publication_namespace'::regclass, pg_publication_namespace.oid, NULL, NULL, ''
  FROM pg_publication_namespace
  UNION ALL
  SELECT
    'pg_foreign_data_wrapper'::regclass,
    pg_foreign_data_wrapper.oid,
    pg_foreign_data_wrapper.fdwowner,
    coalesce(pg_foreign_data_wrapper.fdwacl, acldefault('F', pg_foreign_data_wrapper.fdwowner)),
    'options ' || coalesce(md5(pg_foreign_data_wrapper.fdwoptions::text), 'none')
  FROM pg_foreign_data_wrapper
  UNION ALL
  SELECT
    'pg_foreign_server'::regclass,
    pg_foreign_server.oid,
    pg_foreign_server.srvowner,
    coalesce(pg_foreign_server.srvacl, acldefault('S', pg_foreign_server.srvowner)),
    'options ' || coalesce(md5(pg_foreign_server.srvoptions::text), 'none')
  FROM pg_foreign_server
  UNION ALL
  -- Their options are secret.
  SELECT 'pg_user_mapping'::regclass, pg_user_mappings.umid, NULL, NULL, '' FROM pg_user_mappings
  UNION ALL
  SELECT
    'pg_language'::regclass,
    pg_language.oid,
    pg_language.lanowner,
    coalesce(pg_language.lanacl, acldefault('l', pg_language.lanowner)),
    ''
  FROM pg_language
  UNION ALL
  -- Not to be given away, their privileges are all there is to them.
  SELECT 'pg_default_acl'::regclass, pg_default_acl.oid, pg_default_acl.defaclrole, pg_default_acl.defaclacl, ''
  FROM pg_default_acl
  UNION ALL
  SELECT
    'pg_largeobject'::regclass,
    pg_largeobject_metadata.oid,
    pg_largeobject_metadata.lomowner,
    coalesce(pg_largeobject_metadata.lomacl, acldefault('L', pg_largeobject_metadata.lomowner)),
    ''
  FROM pg_largeobject_metadata
  UNION ALL
  SELECT 'pg_statistic_ext'::regclass, pg_statistic_ext.oid, pg_statistic_ext.stxowner, NULL, '' FROM pg_statistic_ext
  UNION ALL
  SELECT 'pg_collation'::regclass, pg_collation.oid, pg_collation.collowner, NULL, 'provider ' || pg_collation.collprovider::text
  FROM pg_collation
  UNION ALL
  SELECT 'pg_conversion'::regclass, pg_conversion.oid, pg_conversion.conowner, NULL, '' FROM pg_conversion
  UNION ALL
  SELECT 'pg_operator'::regclass, pg_operator.oid, pg_operator.oprowner, NULL, '' FROM pg_operator
  UNION ALL
  SELECT 'pg_opclass'::regclass, pg_opclass.oid, pg_opclass.opcowner, NULL, '' FROM pg_opclass
  UNION ALL
  SELECT 'pg_opfamily'::regclass, pg_opfamily.oid, pg_opfamily.opfowner, NULL, '' FROM pg_opfamily
  UNION ALL
  SELECT 'pg_ts_config'::regclass, pg_ts_config.oid, pg_ts_config.cfgowner, NULL, '' FROM pg_ts_config
  UNION ALL
  SELECT 'pg_ts_dict'::regclass, pg_ts_dict.oid, pg_ts_dict.dictowner, NULL, coalesce(pg_ts_dict.dictinitoption, '')
  FROM pg_ts_dict
  UNION ALL
  SELECT 'pg_ts_parser'::regclass, pg_ts_parser.oid, NULL, NULL, '' FROM pg_ts_parser
  UNION ALL
  SELECT 'pg_ts_template'::regclass, pg_ts_template.oid, NULL, NULL, '' FROM pg_ts_template
  UNION ALL
  SELECT 'pg_cast'::regclass, pg_cast.oid, NULL, NULL, format('%s, %s', pg_cast.castcontext, pg_cast.castmethod)
  FROM pg_cast
  UNION ALL
  SELECT 'pg_transform'::regclass, pg_transform.oid, NULL, NULL, '' FROM pg_transform
  UNION ALL
  SELECT 'pg_am'::regclass, pg_am.oid, NULL, NULL, '' FROM pg_am
),

-- And the indexes and row types of such a one. A list of its own, to be hashed: looked up for each object it took
-- the square of their number.
extension_member (classid, objid) AS MATERIALIZED (
  SELECT pg_depend.classid, pg_depend.objid
  FROM pg_depend
  WHERE pg_depend.deptype = 'e'
  UNION ALL
  SELECT 'pg_class'::regclass::oid, pg_index.indexrelid
  FROM pg_index
  JOIN pg_depend ON pg_depend.classid = 'pg_class'::regclass AND pg_depend.objid = pg_index.indrelid
  WHERE pg_depend.deptype = 'e'
  UNION ALL
  SELECT 'pg_class'::regclass::oid, pg_class.oid
  FROM pg_class
  JOIN pg_depend ON pg_depend.classid = 'pg_type'::regclass AND pg_depend.objid = pg_class.reltype
  WHERE pg_depend.deptype = 'e'
),

ours AS (
  SELECT object.class, object.oid, object.owner, object.privileges, object.details
  FROM object
  WHERE (object.oid >= 16384 OR object.oid = to_regnamespace('public'))
    -- Lists with numbers of this server in their names.
    AND NOT (object.class = 'pg_type'::regclass AND object.oid::regtype::text ~ '^pg_toast\.')
    AND (object.class::oid, object.oid) NOT IN (
      SELECT extension_member.classid, extension_member.objid FROM extension_member
    )
),

described (name, details) AS (
  SELECT
    format('%s %s', identified.type, identified.identity),
    concat_ws(
      '; ',
      'owner ' || pg_get_userbyid(ours.owner),
      'privileges ' || (
        SELECT string_agg(item::text, ', ' ORDER BY item::text) FROM unnest(ours.privileges) AS item
      ),
      nullif(ours.details, '')
    )
  FROM ours
  CROSS JOIN LATERAL pg_identify_object(ours.class, ours.oid, 0) AS identified
  UNION ALL
  SELECT format('extension %I', pg_extension.extname), pg_extension.extnamespace::regnamespace::text
  FROM pg_extension
  WHERE pg_extension.extname <> 'plpgsql'
  UNION ALL
  SELECT
    format('comment on %s %s', identified.type, identified.identity),
    md5(pg_description.description)
  FROM pg_description
  JOIN ours ON ours.class = pg_description.classoid AND ours.oid = pg_description.objoid
  CROSS JOIN LATERAL pg_identify_object(
    pg_description.classoid, pg_description.objoid, pg_description.objsubid
  ) AS identified
  UNION ALL
  SELECT
    format('comment on %s %s', identified.type, identified.identity),
    md5(pg_description.description)
  FROM pg_description
  JOIN pg_constraint ON pg_constraint.oid = pg_description.objoid
  CROSS JOIN LATERAL pg_identify_object(pg_description.classoid, pg_description.objoid, 0) AS identified
  WHERE pg_description.classoid = 'pg_constraint'::regclass AND pg_constraint.oid >= 16384
  UNION ALL
  SELECT
    format('security label of %s on %s %s', pg_seclabel.provider, identified.type, identified.identity),
    md5(pg_seclabel.label)
  FROM pg_seclabel
  JOIN ours ON ours.class = pg_seclabel.classoid AND ours.oid = pg_seclabel.objoid
  CROSS JOIN LATERAL pg_identify_object(pg_seclabel.classoid, pg_seclabel.objoid, pg_seclabel.objsubid) AS identified
)

SELECT described.name, described.details
FROM described
WHERE described.name IS NOT NULL
ORDER BY 1;
