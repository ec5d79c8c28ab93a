-- stock_metrics_view against stock and its own query: one join of the two serves three checks.
--
-- What a refresh has seen is told by transaction numbers, not by created_at, which an application wrote: all
-- transactions before the refresh's horizon had ended when it began. What a later one wrote or deleted is pending.
-- pg_visible_in_snapshot would be sharper, but does not know subtransactions: it takes a row written under a savepoint
-- of an open transaction for visible.
--
-- Without a horizon of this cluster nobody can tell: then all that differs may be pending, and view_records fails. Where
-- the server does not say which cluster it is, a horizon that lies ahead of it is still known to be another one's.
--
-- The number of a row that was written 2^31 transactions ago looks like one of the future. Few really are: age() counts
-- from the number of its own transaction, if that has one, and others may have written since.
--
-- Asset: inventory/stock_metrics_view
-- Locks: ACCESS SHARE on stock and the view for the length of the query.
--
-- Check: view_records
-- Proves: stock_metrics_view has been filled, holds one row for each stock_id, and it is known what its refresh saw.
-- Means: The view was rebuilt by hand with other content: readers count units twice or find no owner for a row. Or, where
--        horizon says so, nobody can tell what is pending from what is wrong: call soleflip refresh once.
--
-- Check: view_count_matches_stock_count
-- Proves: stock_metrics_view has a row for each stock row, but for what came and went since its last refresh.
-- Means: The view leaves stock out, or shows stock that never was: its definition was changed or it is damaged.
--
-- Check: view_rows_match_query
-- Proves: Each row of stock_metrics_view says what its query gives for the stock row now, unless that changed since.
-- Means: The view shows wrong figures for stock that nobody touched: its definition was changed or it is damaged.

WITH last_refresh AS (
  SELECT
    newest.horizon,
    newest.started_at,
    CASE
      WHEN newest.id IS NULL THEN 'not recorded'
      WHEN newest.horizon > pg_snapshot_xmax(pg_current_snapshot())
        OR newest.system_identifier <> inventory_ops.system_identifier() THEN 'of another cluster'
      WHEN pg_snapshot_xmax(pg_current_snapshot())::text::numeric - newest.horizon::text::numeric > 2000000000
        THEN 'more than 2000000000 transactions ago'
    END AS fault
  FROM (SELECT) AS always
  LEFT JOIN (
    SELECT refresh.id, refresh.horizon, refresh.started_at, refresh.system_identifier
    FROM inventory_ops.metrics_refresh AS refresh
    ORDER BY refresh.id DESC
    LIMIT 1
  ) AS newest ON true
),
-- The rows that have no counterpart, or another one. All others are only counted.
differing AS MATERIALIZED (
  SELECT s.id, s.xmin AS written_by, view.stock_id
  FROM inventory.stock AS s
  FULL JOIN inventory.stock_metrics_view AS view ON view.stock_id = s.id
  WHERE s.id IS NULL
    OR view.stock_id IS NULL
    OR (
      view.total_quantity,
      view.available_quantity,
      view.reserved_quantity,
      view.total_cost,
      view.expected_profit,
      view.created_at,
      view.updated_at
    ) IS DISTINCT FROM (
      s.quantity,
      s.quantity - coalesce(s.reserved_quantity, 0),
      s.reserved_quantity,
      s.gross_purchase_price,
      CASE WHEN s.roi_percentage > 0 THEN s.gross_purchase_price * (s.roi_percentage / 100) END,
      s.created_at,
      s.updated_at
    )
),
judged AS (
  SELECT
    coalesce(differing.id, differing.stock_id) AS stock_id,
    CASE
      WHEN differing.id IS NULL THEN 'phantom'
      WHEN differing.stock_id IS NULL THEN 'missing'
      ELSE 'wrong'
    END AS fault,
    last_refresh.fault IS NOT NULL
      OR coalesce(
        age(coalesce(differing.written_by, deletion.written_by)) BETWEEN -1000000 AND age(last_refresh.horizon::xid), false
      ) AS pending
  FROM differing
  CROSS JOIN last_refresh
  LEFT JOIN LATERAL (
    SELECT deletion.xmin AS written_by
    FROM inventory_ops.stock_deletion AS deletion
    WHERE deletion.stock_id = differing.stock_id AND differing.id IS NULL
    ORDER BY age(deletion.xmin)
    LIMIT 1
  ) AS deletion ON true
),
found AS (
  SELECT
    (SELECT count(*) FROM inventory.stock) AS stock_records,
    (SELECT count(*) FROM inventory.stock_metrics_view) AS view_records,
    count(*) FILTER (WHERE judged.fault = 'missing') AS not_shown,
    count(DISTINCT judged.stock_id) FILTER (WHERE judged.fault = 'phantom') AS unknown_ids,
    count(*) FILTER (WHERE judged.fault = 'missing' AND judged.pending) AS pending_inserts,
    count(*) FILTER (WHERE judged.fault = 'phantom' AND judged.pending) AS pending_deletes,
    count(*) FILTER (WHERE judged.fault = 'wrong' AND judged.pending) AS pending_changes,
    count(*) FILTER (WHERE judged.fault = 'missing' AND NOT judged.pending) AS missing,
    count(*) FILTER (WHERE judged.fault = 'phantom' AND NOT judged.pending) AS phantom,
    count(*) FILTER (WHERE judged.fault = 'wrong' AND NOT judged.pending) AS wrong,
    (
      array_agg(judged.stock_id ORDER BY judged.stock_id) FILTER (WHERE judged.fault <> 'wrong' AND NOT judged.pending)
    )[1:5] AS examples_of_count,
    (
      array_agg(judged.stock_id ORDER BY judged.stock_id) FILTER (WHERE judged.fault = 'wrong' AND NOT judged.pending)
    )[1:5] AS examples_of_rows
  FROM judged
),
-- Each stock row that is shown once, and each id that only the view knows, is one row of the view.
counted AS (
  SELECT found.view_records - (found.stock_records - found.not_shown) - found.unknown_ids AS doubled_or_null
  FROM found
)
SELECT
  json_build_object(
    'passed', counted.doubled_or_null = 0 AND last_refresh.fault IS NULL,
    'view_records', found.view_records,
    'doubled_or_null', counted.doubled_or_null,
    'last_refresh', to_char(last_refresh.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'),
    'horizon', coalesce(last_refresh.fault || ': call soleflip refresh once', 'known')
  ) AS view_records,
  json_build_object(
    'passed', found.missing + found.phantom = 0,
    'stock_records', found.stock_records,
    'view_records', found.view_records,
    'pending_inserts', found.pending_inserts,
    'pending_deletes', found.pending_deletes,
    'missing', found.missing,
    'phantom', found.phantom,
    'examples', found.examples_of_count
  ) AS view_count_matches_stock_count,
  json_build_object(
    'passed', found.wrong = 0,
    'view_records', found.view_records,
    'pending_changes', found.pending_changes,
    'wrong', found.wrong,
    'examples', found.examples_of_rows
  ) AS view_rows_match_query
FROM found
CROSS JOIN counted
CROSS JOIN last_refresh;
