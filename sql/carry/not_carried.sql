-- What the new columns of stock hold and the legacy tables do not.
--
-- A stock row without a legacy row can be given one (missing); one that differs from its legacy row cannot be
-- carried: nobody knows which side is right (differing). Until the backfill is done, what stock does not hold
-- yet does not count.
--
-- Locks: ACCESS SHARE on stock, stock_lifecycle and stock_metrics for the length of the query.

WITH compared AS (
  SELECT
    stock.id,
    stock.listed_on_platforms,
    stock.status_history,
    coalesce(stock.reserved_quantity, 0) AS reserved_quantity,
    lifecycle.id IS NOT NULL AS has_lifecycle,
    lifecycle.listed_on_platforms AS legacy_listed_on_platforms,
    lifecycle.status_history AS legacy_status_history,
    metrics.stock_id IS NOT NULL AS has_metrics,
    coalesce(metrics.reserved_quantity, 0) AS legacy_reserved_quantity
  FROM inventory.stock
  LEFT JOIN (
    SELECT DISTINCT ON (newest.stock_id)
      newest.stock_id,
      newest.id,
      newest.listed_on_platforms,
      newest.status_history
    FROM inventory.stock_lifecycle AS newest
    ORDER BY newest.stock_id, newest.updated_at DESC NULLS LAST, newest.created_at DESC NULLS LAST, newest.id DESC
  ) AS lifecycle ON lifecycle.stock_id = stock.id
  LEFT JOIN inventory.stock_metrics AS metrics ON metrics.stock_id = stock.id
),
found AS (
  SELECT
    compared.id,
    NOT compared.has_lifecycle
      AND (compared.listed_on_platforms IS NOT NULL OR compared.status_history IS NOT NULL) AS missing_lifecycle,
    NOT compared.has_metrics AND compared.reserved_quantity <> 0 AS missing_metrics,
    concat_ws(
      ', ',
      CASE
        WHEN compared.has_lifecycle
          AND compared.listed_on_platforms IS DISTINCT FROM compared.legacy_listed_on_platforms
          AND (:backfilled OR compared.listed_on_platforms IS NOT NULL)
          THEN 'listed_on_platforms'
      END,
      CASE
        WHEN compared.has_lifecycle
          AND compared.status_history IS DISTINCT FROM compared.legacy_status_history
          AND (:backfilled OR compared.status_history IS NOT NULL)
          THEN 'status_history'
      END,
      CASE
        WHEN compared.has_metrics
          AND compared.reserved_quantity <> compared.legacy_reserved_quantity
          AND (:backfilled OR compared.reserved_quantity <> 0)
          THEN 'reserved_quantity'
      END
    ) AS differing
  FROM compared
)
SELECT
  count(*) FILTER (WHERE found.missing_lifecycle) AS missing_lifecycle,
  count(*) FILTER (WHERE found.missing_metrics) AS missing_metrics,
  count(*) FILTER (WHERE found.differing <> '') AS differing,
  (
    array_agg(format('stock %s: %s', found.id, found.differing) ORDER BY found.id)
    FILTER (WHERE found.differing <> '')
  )[1:20] AS examples
FROM found;
