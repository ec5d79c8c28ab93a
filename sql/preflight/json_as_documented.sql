-- Listings and status histories are arrays of objects with the documented keys.
--
-- When a listing was made is under listed_at, or under timestamp, as the application writes it.
--
-- Effect: warns
-- Locks: ACCESS SHARE on stock_lifecycle for the length of the query.
-- Fix: They are carried over as they are; correct the rows listed, or queries by platform or state will miss them.
-- Until: drop_legacy_tables

WITH documented AS (
  SELECT
    lifecycle.id,
    lifecycle.listed_on_platforms IS NULL
      OR (
        jsonb_typeof(lifecycle.listed_on_platforms) = 'array'
        AND NOT lifecycle.listed_on_platforms @? '
          $[*] ? (
            @.type() != "object" || !exists(@.platform) || @.platform.type() != "string"
            || @.platform like_regex "[A-Z]" || !exists(@.listing_id) || !exists(@.status)
            || !(exists(@.listed_at) || exists(@.timestamp))
          )'
      ) AS listings,
    lifecycle.status_history IS NULL
      OR (
        jsonb_typeof(lifecycle.status_history) = 'array'
        AND NOT lifecycle.status_history @? '
          $[*] ? (
            @.type() != "object" || !exists(@.from_status) || !exists(@.to_status) || !exists(@.changed_at)
            || !exists(@.reason)
          )'
      ) AS history
  FROM inventory.stock_lifecycle AS lifecycle
)
SELECT
  count(*) = 0 AS passed,
  count(*) FILTER (WHERE NOT documented.listings) AS listed_on_platforms,
  count(*) FILTER (WHERE NOT documented.history) AS status_history,
  (array_agg(format('stock_lifecycle %s', documented.id) ORDER BY documented.id))[1:20] AS examples
FROM documented
WHERE NOT (documented.listings AND documented.history);
