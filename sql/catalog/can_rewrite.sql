-- Whether the functions that rewrite views are there: a database that an older version deployed has none yet.
--
-- Locks: none.

SELECT to_regprocedure('inventory_ops.prove_query(regclass, text, text, regclass[], text[])') IS NOT NULL AS can_rewrite;
