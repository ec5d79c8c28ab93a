-- Tries to make, change and drop an object of each kind that Phase 2 makes, in the same schema.
--
-- Locks: none that anyone could wait for: all of it is new, and gone when the trial is rolled back.

CREATE TABLE inventory.soleflip_trial (id uuid PRIMARY KEY);

ALTER TABLE inventory.soleflip_trial ADD COLUMN note jsonb;

COMMENT ON TABLE inventory.soleflip_trial IS 'Made to try whether it can be';

-- squawk-ignore require-concurrent-index-creation
CREATE INDEX soleflip_trial_note ON inventory.soleflip_trial USING gin (note);

CREATE FUNCTION inventory.soleflip_trial()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN NULL;
END
$function$;

REVOKE EXECUTE ON FUNCTION inventory.soleflip_trial() FROM PUBLIC;

CREATE TRIGGER soleflip_trial
AFTER UPDATE ON inventory.soleflip_trial
FOR EACH ROW EXECUTE FUNCTION inventory.soleflip_trial();

CREATE MATERIALIZED VIEW inventory.soleflip_trial_view AS SELECT trial.id FROM inventory.soleflip_trial AS trial;

-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX soleflip_trial_view_id ON inventory.soleflip_trial_view (id);

REFRESH MATERIALIZED VIEW CONCURRENTLY inventory.soleflip_trial_view;

-- squawk-ignore ban-drop-view
DROP MATERIALIZED VIEW inventory.soleflip_trial_view;

DROP TRIGGER soleflip_trial ON inventory.soleflip_trial;

-- squawk-ignore ban-drop-function
DROP FUNCTION inventory.soleflip_trial();

-- squawk-ignore ban-drop-table
DROP TABLE inventory.soleflip_trial;
