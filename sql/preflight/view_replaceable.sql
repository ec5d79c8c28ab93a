-- Nothing that others have added to the view of metrics is lost where it has to be made again.
--
-- It is made again where somebody altered it. Its readers, privileges and comments are carried along.
--
-- Effect: stops
-- Locks: none.
-- Fix: Drop what is listed, deploy, and make it again; or put the view back as the deployment made it.

SELECT
  CAST(:lost AS text[]) = '{}' AS passed,
  cardinality(CAST(:lost AS text[])) AS lost,
  CAST(:lost AS text[]) AS examples;
