-- What was written to the new columns before this deployment contradicts the legacy rows in nothing.
--
-- Phase 2 was applied by hand, and the columns are in use: what is in them is live, also the 0 of reserved_quantity. What
-- one side does not know, NULL or a row that is not there, is no contradiction: the other one counts.
--
-- Effect: stops until begun
-- Locks: ACCESS SHARE on stock, stock_lifecycle and stock_metrics for the length of the query.
-- Fix: Say which side counts in the rows listed: `soleflip deploy --prefer stock` if the application writes to stock alone
--      since, else `--prefer legacy`. Or write the right value to both sides.
-- Until: drop_legacy_tables
--
-- The columns are read by name from the whole row: where they are not there yet, there is nothing to compare.

WITH lifecycle AS (
  SELECT
    lifecycle.stock_id,
    (
      array_agg(
        lifecycle.listed_on_platforms
        ORDER BY lifecycle.updated_at DESC NULLS LAST, lifecycle.created_at DESC NULLS LAST, lifecycle.id DESC
      ) FILTER (WHERE lifecycle.listed_on_platforms IS NOT NULL)
    )[1] AS listed_on_platforms,
    (
      array_agg(
        lifecycle.status_history
        ORDER BY lifecycle.updated_at DESC NULLS LAST, lifecycle.created_at DESC NULLS LAST, lifecycle.id DESC
      ) FILTER (WHERE lifecycle.status_history IS NOT NULL)
    )[1] AS status_history
  FROM inventory.stock_lifecycle AS lifecycle
  WHERE CAST(:adopting AS boolean)
  GROUP BY lifecycle.stock_id
),
metrics AS (
  SELECT metrics.stock_id, metrics.reserved_quantity
  FROM inventory.stock_metrics AS metrics
  WHERE CAST(:adopting AS boolean)
),
compared AS (
  SELECT
    stock.id,
    concat_ws(
      ', ',
      CASE
        WHEN nullif(to_jsonb(stock.*) -> 'listed_on_platforms', 'null') <> lifecycle.listed_on_platforms
          THEN 'listed_on_platforms'
      END,
      CASE WHEN nullif(to_jsonb(stock.*) -> 'status_history', 'null') <> lifecycle.status_history THEN 'status_history' END,
      CASE
        WHEN CAST(to_jsonb(stock.*) ->> 'reserved_quantity' AS integer) <> metrics.reserved_quantity
          THEN format(
            'reserved_quantity %s, stock_metrics %s', to_jsonb(stock.*) ->> 'reserved_quantity', metrics.reserved_quantity
          )
      END
    ) AS columns
  FROM inventory.stock
  LEFT JOIN lifecycle ON lifecycle.stock_id = stock.id
  LEFT JOIN metrics ON metrics.stock_id = stock.id
  WHERE lifecycle.stock_id IS NOT NULL OR metrics.stock_id IS NOT NULL
)
SELECT
  count(*) FILTER (WHERE compared.columns <> '') = 0 OR CAST(:prefer AS text) IS NOT NULL AS passed,
  count(*) AS compared,
  count(*) FILTER (WHERE compared.columns <> '') AS differing,
  CAST(:prefer AS text) AS preferred,
  (
    array_agg(format('stock %s: %s', compared.id, compared.columns) ORDER BY compared.id)
    FILTER (WHERE compared.columns <> '')
  )[1:20] AS examples
FROM compared;
