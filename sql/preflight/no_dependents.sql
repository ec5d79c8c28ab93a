-- Nothing else in the database is built on the legacy tables.
--
-- Effect: warns
-- Locks: none.
-- Fix: The deployment leaves them alone; move them to stock before `soleflip drop-legacy`, which refuses until then.
-- Until: drop_legacy_tables

SELECT
  CAST(:dependents AS text[]) = '{}' AS passed,
  cardinality(CAST(:dependents AS text[])) AS dependents,
  CAST(:dependents AS text[]) AS examples;
