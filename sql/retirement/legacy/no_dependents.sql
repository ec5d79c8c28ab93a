-- Nothing else in the database is built on the tables.
--
-- Locks: none.
-- Fix: Move or drop what is listed; `soleflip drop-legacy --rewrite-views` makes views on the legacy tables read stock.
--      CASCADE, which would take it along, is never used.

SELECT
  CAST(:dependents AS text[]) = '{}' AS passed,
  CAST(:dependents AS text[]) AS examples;
