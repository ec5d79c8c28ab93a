-- No object of somebody else's has a name that the deployment needs.
--
-- What Phase 2's own script made by hand is adopted, and does not count.
--
-- Effect: stops
-- Locks: none.
-- Fix: Rename what is listed, with ALTER … RENAME TO, or drop it if nobody needs it; it would be in the way, or replaced.

SELECT
  CAST(:in_the_way AS text[]) = '{}' AS passed,
  cardinality(CAST(:in_the_way AS text[])) AS in_the_way,
  CAST(:in_the_way AS text[]) AS examples;
