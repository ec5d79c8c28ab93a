-- Hands schema inventory over to soleflip_owner. Who owned a table until now keeps what its rows need: to read, add,
-- change and delete them. Not TRIGGER, with which a function of theirs would run in the name of whoever writes to
-- the table, the owner and the orchestrator among them; nobody else keeps that either.
--
-- Only where SoleFlip's tables belong to somebody else yet. By hand, in psql, as a superuser or as a member of
-- soleflip_owner that owns them; new privileges for anybody else are sql/roles/30_privileges.sql's.
--
-- Locks: ACCESS EXCLUSIVE on each table, view and sequence for an instant, until the end of all of it; waits two
--        seconds for each at most, and is then to be run again.
-- Again: safe. Where an earlier version gave the former owner more, this takes it back.

BEGIN;

SET LOCAL lock_timeout = '2s';

DO $$
DECLARE
  owned record;
BEGIN
  -- First: who owns a table must be able to make one here.
  FOR owned IN
    SELECT pg_namespace.nspname AS name, pg_get_userbyid(pg_namespace.nspowner) AS former
    FROM pg_namespace
    WHERE pg_namespace.nspname IN ('inventory', 'inventory_ops')
      AND pg_namespace.nspowner <> 'soleflip_owner'::regrole
  LOOP
    EXECUTE format('ALTER SCHEMA %I OWNER TO soleflip_owner', owned.name);
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', owned.name, owned.former);
  END LOOP;

  FOR owned IN
    SELECT
      pg_class.oid::regclass AS name,
      pg_get_userbyid(pg_class.relowner) AS former,
      CASE pg_class.relkind
        WHEN 'S' THEN 'USAGE, SELECT'
        WHEN 'm' THEN 'SELECT'
        ELSE 'SELECT, INSERT, UPDATE, DELETE'
      END AS needed
    FROM pg_class
    WHERE pg_class.relnamespace IN (to_regnamespace('inventory'), to_regnamespace('inventory_ops'))
      AND pg_class.relkind IN ('r', 'p', 'v', 'm', 'S')
      AND pg_class.relowner <> 'soleflip_owner'::regrole
      -- The sequence of an identity or serial column goes with its table.
      AND NOT EXISTS (
        SELECT
        FROM pg_depend
        WHERE pg_depend.classid = 'pg_class'::regclass
          AND pg_depend.objid = pg_class.oid
          AND pg_depend.refclassid = 'pg_class'::regclass
          AND pg_depend.deptype IN ('a', 'i')
      )
    ORDER BY pg_class.oid
  LOOP
    -- ALTER TABLE does this for views and sequences, too.
    EXECUTE format('ALTER TABLE %s OWNER TO soleflip_owner', owned.name);
    EXECUTE format('GRANT %s ON %s TO %I', owned.needed, owned.name, owned.former);
  END LOOP;

  FOR owned IN
    SELECT
      pg_class.oid::regclass AS name,
      granted.privilege_type AS privilege,
      CASE granted.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(granted.grantee)) END AS grantee
    FROM pg_class
    CROSS JOIN aclexplode(pg_class.relacl) AS granted
    WHERE pg_class.relnamespace IN (to_regnamespace('inventory'), to_regnamespace('inventory_ops'))
      AND pg_class.relkind IN ('r', 'p', 'v', 'm')
      AND granted.grantee NOT IN (pg_class.relowner, 'soleflip_orchestrator'::regrole)
      AND granted.privilege_type NOT IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
  LOOP
    EXECUTE format('REVOKE %s ON %s FROM %s', owned.privilege, owned.name, owned.grantee);
  END LOOP;

  FOR owned IN
    SELECT pg_proc.oid::regprocedure AS name
    FROM pg_proc
    WHERE pg_proc.pronamespace IN (to_regnamespace('inventory'), to_regnamespace('inventory_ops'))
      AND pg_proc.proowner <> 'soleflip_owner'::regrole
  LOOP
    EXECUTE format('ALTER ROUTINE %s OWNER TO soleflip_owner', owned.name);
  END LOOP;

  FOR owned IN
    SELECT pg_type.oid::regtype AS name
    FROM pg_type
    WHERE pg_type.typnamespace = to_regnamespace('inventory')
      AND pg_type.typtype IN ('d', 'e')
      AND pg_type.typowner <> 'soleflip_owner'::regrole
  LOOP
    EXECUTE format('ALTER TYPE %s OWNER TO soleflip_owner', owned.name);
  END LOOP;
END
$$;

COMMIT;
