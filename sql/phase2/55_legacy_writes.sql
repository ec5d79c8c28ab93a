-- Remembers when an application last wrote to each legacy table: the tables are retired when it no longer does.
--
-- One row for each table, writer and hour, and never a wait: rows are only added, by whoever sees none of this hour,
-- so a few who begin the hour together add one each. What the synchronisation writes does not count, nor does what
-- goes with a stock row that is deleted.
--
-- Locks: SHARE ROW EXCLUSIVE on each legacy table for an instant, one trigger at a time.
-- Again: safe.

CREATE TABLE IF NOT EXISTS inventory_ops.legacy_write (
  source text NOT NULL,
  id bigint GENERATED ALWAYS AS IDENTITY,
  written_by text NOT NULL DEFAULT session_user,
  application text NOT NULL DEFAULT current_setting('application_name'),
  written_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (source, written_at, id)
);

COMMENT ON TABLE inventory_ops.legacy_write IS 'Which applications wrote to the legacy tables, at least once an hour of each';

CREATE OR REPLACE FUNCTION inventory_ops.record_legacy_write()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  -- Our own write: the synchronisation's.
  IF current_setting('soleflip.writing', true) = (pg_trigger_depth() - 1)::text THEN
    RETURN NULL;
  END IF;
  INSERT INTO inventory_ops.legacy_write (source)
  SELECT TG_TABLE_NAME
  WHERE NOT EXISTS (
    SELECT
    FROM inventory_ops.legacy_write AS known
    WHERE known.source = TG_TABLE_NAME
      AND known.written_at >= date_trunc('hour', now())
      AND known.written_by = session_user
      AND known.application = current_setting('application_name')
  );
  RETURN NULL;
END
$function$;

CREATE OR REPLACE FUNCTION inventory_ops.record_legacy_delete()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  -- Our own write: the synchronisation's.
  IF current_setting('soleflip.writing', true) = (pg_trigger_depth() - 1)::text THEN
    RETURN NULL;
  END IF;
  INSERT INTO inventory_ops.legacy_write (source)
  SELECT TG_TABLE_NAME
  WHERE EXISTS (SELECT FROM deleted JOIN inventory.stock ON stock.id = deleted.stock_id)
    AND NOT EXISTS (
      SELECT
      FROM inventory_ops.legacy_write AS known
      WHERE known.source = TG_TABLE_NAME
        AND known.written_at >= date_trunc('hour', now())
        AND known.written_by = session_user
        AND known.application = current_setting('application_name')
    );
  RETURN NULL;
END
$function$;

CREATE OR REPLACE TRIGGER soleflip_record_write
AFTER INSERT OR UPDATE ON inventory.stock_financial
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.record_legacy_write();

CREATE OR REPLACE TRIGGER soleflip_record_delete
AFTER DELETE ON inventory.stock_financial
REFERENCING OLD TABLE AS deleted
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.record_legacy_delete();

CREATE OR REPLACE TRIGGER soleflip_record_write
AFTER INSERT OR UPDATE ON inventory.stock_lifecycle
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.record_legacy_write();

CREATE OR REPLACE TRIGGER soleflip_record_delete
AFTER DELETE ON inventory.stock_lifecycle
REFERENCING OLD TABLE AS deleted
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.record_legacy_delete();

CREATE OR REPLACE TRIGGER soleflip_record_write
AFTER INSERT OR UPDATE ON inventory.stock_metrics
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.record_legacy_write();

CREATE OR REPLACE TRIGGER soleflip_record_delete
AFTER DELETE ON inventory.stock_metrics
REFERENCING OLD TABLE AS deleted
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.record_legacy_delete();

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA inventory_ops FROM PUBLIC;
