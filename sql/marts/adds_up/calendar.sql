-- No day is missing.
--
-- Locks: none; it reads the warehouse.

SELECT
  'days' AS what,
  count(calendar.day) AS found,
  cast(max(calendar.day) - min(calendar.day) AS integer) + 1 AS expected
FROM calendar;
