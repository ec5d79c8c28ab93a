-- The databases that a restore or a drill which died has left unfinished.
--
-- Locks: none.

SELECT pg_database.datname::text AS name
FROM pg_database
WHERE pg_database.datname = :scratch
  OR (
    starts_with(pg_database.datname::text, :unfinished)
    AND substr(pg_database.datname::text, length(:unfinished) + 1) ~ '^[0-9]{8}_[0-9]{6}_[0-9]{6}$'
  )
ORDER BY 1;
