-- Nothing else in the database is built on the legacy tables.
--
-- Effect: warns
-- Locks: none.
-- Fix: The deployment leaves them alone. Later `soleflip drop-legacy --rewrite-views` makes views read stock; move the
--      others by hand before `soleflip drop-legacy`, which refuses until then.
-- Until: drop_legacy_tables

SELECT
  CAST(:dependents AS text[]) = '{}' AS passed,
  cardinality(CAST(:dependents AS text[])) AS dependents,
  CAST(:dependents AS text[]) AS examples;
