-- stock_metrics_view has a row for each stock row, but for what came and went since its last refresh.
--
-- Asset: inventory/stock_metrics_view
-- Locks: ACCESS SHARE on stock and the view for the length of the query.
-- Means: The view leaves stock out, or shows stock that never was: its definition was changed or it is damaged.
--
-- What a refresh has seen is told by transaction numbers, not by created_at, which an application wrote: all
-- transactions before the refresh's horizon had ended when it began. A stock row written since is pending, and so
-- is a view row whose stock row was deleted since. pg_visible_in_snapshot would be sharper, but does not know
-- subtransactions: it takes a row written under a savepoint of an open transaction for visible.

WITH last_refresh AS (
  SELECT refresh.horizon
  FROM inventory_ops.metrics_refresh AS refresh
  ORDER BY refresh.id DESC
  LIMIT 1
),
differing AS (
  SELECT
    coalesce(stock.id, view.stock_id) AS stock_id,
    view.stock_id IS NULL AS missing,
    CASE
      WHEN view.stock_id IS NULL
        THEN age(stock.xmin) <= age((SELECT last_refresh.horizon FROM last_refresh)::xid)
      ELSE EXISTS (
        SELECT
        FROM inventory_ops.stock_deletion AS deletion
        WHERE deletion.stock_id = view.stock_id
          AND age(deletion.xmin) <= age((SELECT last_refresh.horizon FROM last_refresh)::xid)
      )
    END AS pending
  FROM inventory.stock
  FULL JOIN inventory.stock_metrics_view AS view ON view.stock_id = stock.id
  WHERE stock.id IS NULL OR view.stock_id IS NULL
)
SELECT
  count(*) FILTER (WHERE differing.pending IS NOT TRUE) = 0 AS passed,
  (SELECT count(*) FROM inventory.stock) AS stock_records,
  (SELECT count(*) FROM inventory.stock_metrics_view) AS view_records,
  count(*) FILTER (WHERE differing.missing AND differing.pending) AS pending_inserts,
  count(*) FILTER (WHERE NOT differing.missing AND differing.pending) AS pending_deletes,
  count(*) FILTER (WHERE differing.missing AND differing.pending IS NOT TRUE) AS missing,
  count(*) FILTER (WHERE NOT differing.missing AND differing.pending IS NOT TRUE) AS phantom,
  (
    array_agg(differing.stock_id::text ORDER BY differing.stock_id)
    FILTER (WHERE differing.pending IS NOT TRUE)
  )[1:5] AS examples
FROM differing;
