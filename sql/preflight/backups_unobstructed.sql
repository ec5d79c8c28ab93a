-- Each table that stands where a backup is to be made can be adopted as one; of tables that were dropped none is left.
--
-- Effect: repaired
-- Locks: none.
-- Fix: What is listed is moved into inventory_ops, with all its rows, under a name that says what it is.

SELECT
  CAST(:set_aside AS text[]) = '{}' AS passed,
  cardinality(CAST(:set_aside AS text[])) AS set_aside,
  CAST(:set_aside AS text[]) AS examples;
