-- No subscription writes to stock or a legacy table.
--
-- Who applies changes for a subscription calls no trigger: what it writes to one side never comes to the other.
--
-- Effect: stops
-- Locks: none.
-- Fix: Take the tables listed out of the publication and refresh the subscription, or drop the subscription once this database is
--      the one that the application writes to; then deploy.
-- Until: drop_legacy_tables

WITH written AS (
  SELECT format('subscription %s writes to %s', pg_subscription.subname, pg_subscription_rel.srrelid::regclass) AS what
  FROM pg_subscription_rel
  JOIN pg_subscription ON pg_subscription.oid = pg_subscription_rel.srsubid
  WHERE pg_subscription_rel.srrelid IN (
    to_regclass('inventory.stock'),
    to_regclass('inventory.stock_financial'),
    to_regclass('inventory.stock_lifecycle'),
    to_regclass('inventory.stock_metrics')
  )
)
SELECT
  count(*) = 0 AS passed,
  count(*) AS tables,
  array_agg(written.what ORDER BY written.what) AS examples
FROM written;
