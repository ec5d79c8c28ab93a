-- The subscriptions of a database, from whichever one this is asked.
--
-- Locks: none.

SELECT
  pg_subscription.subname::text AS name,
  pg_subscription.subenabled AS enabled,
  pg_subscription.subenabled OR pg_subscription.subslotname IS NOT NULL AS armed
FROM pg_subscription
JOIN pg_database ON pg_database.oid = pg_subscription.subdbid
WHERE pg_database.datname = :database
ORDER BY 1;
