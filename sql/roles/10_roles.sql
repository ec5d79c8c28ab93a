-- The four roles of SoleFlip's inventory, and what they need of the database itself. Login users are put into them.
--
-- A role is no login: GRANT soleflip_reader TO anna gives anna what a reader may do. Whoever deploys is put into
-- soleflip_owner and becomes it on every connection (ALTER ROLE … SET role = soleflip_owner), so that what a
-- deployment makes belongs to the role and not to a person.
--
-- By hand, in psql, in SoleFlip's database, as who may create roles and grant PostgreSQL's own: a superuser, or the
-- administrator of a managed server. See docs/roles.md.
--
-- Locks: none that anyone could wait for.
-- Again: safe.

DO $$
DECLARE
  wanted record;
BEGIN
  FOR wanted IN
    SELECT known.role, known.comment
    FROM (VALUES
      ('soleflip_owner', 'SoleFlip inventory: owns it; deploys, reverts, retires and restores'),
      ('soleflip_orchestrator', 'SoleFlip inventory: what runs by the clock; refreshes, reads and observes'),
      ('soleflip_application', 'SoleFlip inventory: the shop; stock and reservations'),
      ('soleflip_reader', 'SoleFlip inventory: reads')
    ) AS known (role, comment)
  LOOP
    IF to_regrole(wanted.role) IS NULL THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN', wanted.role);
    END IF;
    EXECUTE format('COMMENT ON ROLE %I IS %L', wanted.role, wanted.comment);
    -- Everybody has these unless somebody took them away from PUBLIC, as docs/roles.md advises.
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), wanted.role);
  END LOOP;
  -- A deployment makes schema inventory_ops; drift is looked for by temporary objects.
  EXECUTE format('GRANT CREATE, TEMPORARY ON DATABASE %I TO soleflip_owner', current_database());
  EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO soleflip_orchestrator', current_database());
END
$$;

-- The drill restores into a database of its own.
ALTER ROLE soleflip_owner CREATEDB;

-- The dump holds the whole database, whoever owns its other tables.
GRANT pg_read_all_data TO soleflip_owner;

-- Whose sessions hold a transaction open, which statements are slow, whoever they belong to, and whether that is recorded.
GRANT pg_read_all_stats, pg_read_all_settings TO soleflip_owner, soleflip_orchestrator;
