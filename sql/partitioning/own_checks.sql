-- The CHECK constraints of a conversion that is under way: each proves where a table's rows end.
--
-- Locks: none.

SELECT pg_constraint.conname::text AS name, pg_constraint.convalidated AS validated
FROM pg_constraint
WHERE pg_constraint.conrelid = to_regclass(:table) AND pg_constraint.conname LIKE 'soleflip\_until\_%'
ORDER BY pg_constraint.conname;
