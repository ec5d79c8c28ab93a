-- A function of this session alone that counts and hashes a table, for databases that have none of ours.
--
-- The sum of 60 bits of each row's MD5, with every setting that text depends on fixed, so that two servers agree,
-- whatever their versions and the types of the columns.
--
-- Locks: none.

CREATE FUNCTION pg_temp.content_of(relation regclass, OUT rows bigint, OUT content text)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog
SET timezone = 'UTC'
SET datestyle = 'ISO'
SET intervalstyle = 'postgres'
SET extra_float_digits = 1
SET bytea_output = 'hex'
AS $function$
BEGIN
  EXECUTE format(
    'SELECT count(*), coalesce(sum((''x'' || left(md5(t::text), 15))::bit(60)::bigint), 0)::text FROM %s AS t',
    relation
  ) INTO rows, content;
END
$function$;
