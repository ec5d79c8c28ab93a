-- A function of this session alone that stands in for a trigger's own one, which only its owner may make triggers of.
--
-- Locks: none.

CREATE FUNCTION pg_temp.stand_in()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN NULL;
END
$function$;
