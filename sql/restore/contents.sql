-- Counts and hashes every table that a dump holds, and its large objects; soleflip.contents then says what was found.
--
-- A hash is the sum of 60 bits of each row's MD5, with every setting that text depends on fixed, so that two servers
-- agree, whatever their versions and the types of the columns. Of a table that inherits from another the columns are
-- taken by name: it is restored with those of its parent first. A block and not a function, since whoever owns the
-- tables may lack the right to make temporary objects.
--
-- Locks: ACCESS SHARE on each table until the end of the transaction.

DO $$
DECLARE
  relation text;
  of_row text;
  found record;
  object oid;
  piece bytea;
  place bigint;
  hash text;
  large_objects numeric := 0;
  counted bigint := 0;
  contents jsonb := '{}';
BEGIN
  SET LOCAL search_path = '';
  SET LOCAL timezone = 'UTC';
  SET LOCAL datestyle = 'ISO';
  SET LOCAL intervalstyle = 'postgres';
  SET LOCAL extra_float_digits = 1;
  SET LOCAL bytea_output = 'hex';
  SET LOCAL lc_monetary = 'C';
  SET LOCAL quote_all_identifiers = off;

  FOR relation, of_row IN
    SELECT
      format('%I.%I', pg_namespace.nspname, pg_class.relname),
      CASE
        WHEN NOT pg_class.relispartition AND EXISTS (SELECT FROM pg_inherits WHERE pg_inherits.inhrelid = pg_class.oid)
        THEN (
          SELECT format('ROW(%s)', string_agg(format('t.%I', attname), ', ' ORDER BY attname))
          FROM pg_attribute
          WHERE attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
        )
        ELSE '(t.*)'
      END
    FROM pg_class
    JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
    WHERE pg_class.relkind = 'r'
      AND pg_class.relpersistence <> 't'
      AND pg_namespace.nspname !~ '^pg_'
      AND pg_namespace.nspname <> 'information_schema'
      -- What belongs to an extension comes with it.
      AND NOT EXISTS (
        SELECT
        FROM pg_depend
        WHERE pg_depend.classid = 'pg_class'::regclass AND pg_depend.objid = pg_class.oid AND pg_depend.deptype = 'e'
      )
    ORDER BY 1
  LOOP
    EXECUTE format(
      'SELECT count(*) AS rows, coalesce(sum((''x'' || left(md5(%s::text), 15))::bit(60)::bigint), 0)::text AS content '
      'FROM %s AS t',
      of_row,
      relation
    ) INTO found;
    contents := contents || jsonb_build_object(relation, jsonb_build_array(found.rows, found.content));
  END LOOP;
  PERFORM set_config('soleflip.tables', contents::text, true);

  -- Piece by piece: one may hold 4 TB, a value 1 GB.
  FOR object IN SELECT pg_largeobject_metadata.oid FROM pg_largeobject_metadata
  LOOP
    hash := object::text;
    place := 0;
    LOOP
      piece := lo_get(object, place, 16777216);
      hash := md5(hash || md5(piece));
      place := place + 16777216;
      EXIT WHEN length(piece) < 16777216;
    END LOOP;
    counted := counted + 1;
    large_objects := large_objects + ('x' || left(hash, 15))::bit(60)::bigint;
  END LOOP;
  PERFORM set_config('soleflip.large_objects', format('%s, of content %s', counted, large_objects), true);
END
$$;
