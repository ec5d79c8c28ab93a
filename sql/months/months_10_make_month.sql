-- The function that gives a table partitioned by time a partition for one month in UTC.
--
-- A table is made beside and attached: CREATE TABLE … PARTITION OF would take ACCESS EXCLUSIVE on the parent. A new table
-- is empty, so there is nothing to scan and no CHECK is needed; bounds are written with +00, since PostgreSQL reads them
-- in the time zone of the session. As the owner of the tables, so that the orchestrator may call it by the clock.
--
-- Locks: none that anyone could wait for: it is new, or replaced in an instant. Calling it takes SHARE UPDATE EXCLUSIVE
--        on the parent until the end of the transaction: nobody who reads or writes waits for that.
-- Again: safe.

CREATE OR REPLACE FUNCTION inventory_ops.make_month(parent regclass, month date)
RETURNS boolean
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  first_day date := date_trunc('month', month::timestamp)::date;
  place text;
  name text;
BEGIN
  SELECT pg_namespace.nspname, pg_class.relname || to_char(first_day, '"_"YYYYMM')
  INTO place, name
  FROM pg_class
  JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
  WHERE pg_class.oid = parent;

  IF length(name) > 63 THEN
    RAISE EXCEPTION '% is longer than a name may be', name;
  END IF;

  IF to_regclass(format('%I.%I', place, name)) IS NOT NULL THEN
    IF EXISTS (
      SELECT
      FROM pg_inherits
      WHERE pg_inherits.inhrelid = to_regclass(format('%I.%I', place, name))
        AND pg_inherits.inhparent = parent
        AND NOT pg_inherits.inhdetachpending
    ) THEN
      RETURN false;
    END IF;
    RAISE EXCEPTION '%.% is there and is no partition of %', place, name, parent
      USING HINT = 'It was detached, or somebody made it: attach it, or rename it.';
  END IF;

  EXECUTE format('CREATE TABLE %I.%I (LIKE %s INCLUDING ALL)', place, name, parent);
  -- Each date and time type reads this, and leaves out what it has no use for.
  EXECUTE format(
    'ALTER TABLE %s ATTACH PARTITION %I.%I FOR VALUES FROM (%L) TO (%L)',
    parent, place, name,
    to_char(first_day, 'YYYY-MM-DD" 00:00:00+00"'),
    to_char(first_day + interval '1 month', 'YYYY-MM-DD" 00:00:00+00"')
  );
  RETURN true;
END
$function$;

COMMENT ON FUNCTION inventory_ops.make_month(regclass, date) IS
  'Gives a table partitioned by time a partition for the month in UTC that a day is in; false if it has one';

REVOKE EXECUTE ON FUNCTION inventory_ops.make_month(regclass, date) FROM PUBLIC;
