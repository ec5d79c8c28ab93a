-- What a stock row says otherwise than the legacy row that counts, a row for each fact; in order of the stock rows.
--
-- :ids are the stock rows to look at; NULL means all. The comparison is that of sql/checks (financial_data_consistent,
-- lifecycle_data_migrated, reserved_quantities_migrated). A fact that stock does not know is taken from the legacy row;
-- any other is given to it.
--
-- Locks: ACCESS SHARE on stock and the three legacy tables for the length of the query.

WITH differing_lifecycle AS MATERIALIZED (
  SELECT
    stock.id AS stock_id,
    lifecycle.id AS legacy_id,
    stock.shelf_life_days,
    stock.listed_on_platforms,
    stock.status_history,
    lifecycle.shelf_life_days AS legacy_shelf_life_days,
    lifecycle.listed_on_platforms AS legacy_listed_on_platforms,
    lifecycle.status_history AS legacy_status_history
  FROM inventory.stock
  LEFT JOIN inventory.stock_lifecycle AS lifecycle ON lifecycle.stock_id = stock.id
  WHERE (CAST(:ids AS uuid[]) IS NULL OR stock.id = ANY (CAST(:ids AS uuid[])))
    AND (lifecycle.id IS NOT NULL OR stock.listed_on_platforms IS NOT NULL OR stock.status_history IS NOT NULL)
    AND (stock.shelf_life_days, stock.listed_on_platforms, stock.status_history)
      IS DISTINCT FROM (lifecycle.shelf_life_days, lifecycle.listed_on_platforms, lifecycle.status_history)
),
differing_financial AS MATERIALIZED (
  SELECT
    stock.id AS stock_id,
    financial.id AS legacy_id,
    stock.purchase_price,
    stock.gross_purchase_price,
    stock.vat_amount,
    stock.profit_per_shelf_day,
    stock.roi_percentage,
    financial.purchase_price AS legacy_purchase_price,
    financial.gross_purchase_price AS legacy_gross_purchase_price,
    financial.vat_amount AS legacy_vat_amount,
    financial.profit_per_shelf_day AS legacy_profit_per_shelf_day,
    financial.roi AS legacy_roi
  FROM inventory.stock
  JOIN inventory.stock_financial AS financial ON financial.stock_id = stock.id
  WHERE (CAST(:ids AS uuid[]) IS NULL OR stock.id = ANY (CAST(:ids AS uuid[])))
    AND (
      coalesce(stock.purchase_price, 0),
      coalesce(stock.gross_purchase_price, 0),
      coalesce(stock.vat_amount, 0),
      stock.profit_per_shelf_day,
      stock.roi_percentage
    ) IS DISTINCT FROM (
      financial.purchase_price,
      financial.gross_purchase_price,
      financial.vat_amount,
      financial.profit_per_shelf_day,
      financial.roi
    )
),
differing_metrics AS MATERIALIZED (
  SELECT
    stock.id AS stock_id,
    metrics.id AS legacy_id,
    stock.reserved_quantity,
    coalesce(stock.quantity - stock.reserved_quantity, 0) AS available_quantity,
    stock.gross_purchase_price AS total_cost,
    CASE WHEN stock.roi_percentage > 0 THEN stock.gross_purchase_price * (stock.roi_percentage / 100) END::numeric(15, 2)
      AS expected_profit,
    coalesce(metrics.reserved_quantity, 0) AS legacy_reserved_quantity,
    metrics.available_quantity AS legacy_available_quantity,
    metrics.total_cost AS legacy_total_cost,
    metrics.expected_profit AS legacy_expected_profit
  FROM inventory.stock
  LEFT JOIN inventory.stock_metrics AS metrics ON metrics.stock_id = stock.id
  WHERE (CAST(:ids AS uuid[]) IS NULL OR stock.id = ANY (CAST(:ids AS uuid[])))
    AND (
      stock.reserved_quantity IS DISTINCT FROM coalesce(metrics.reserved_quantity, 0)
      OR (
        metrics.id IS NOT NULL
        AND (metrics.available_quantity, metrics.total_cost, metrics.expected_profit) IS DISTINCT FROM (
          coalesce(stock.quantity - stock.reserved_quantity, 0),
          stock.gross_purchase_price,
          CASE WHEN stock.roi_percentage > 0 THEN stock.gross_purchase_price * (stock.roi_percentage / 100) END::numeric(15, 2)
        )
      )
    )
),
compared AS (
  SELECT differing.stock_id, 'stock_lifecycle' AS legacy, fact.name, fact.in_stock, fact.in_legacy
  FROM differing_lifecycle AS differing
  CROSS JOIN LATERAL (
    VALUES
      ('shelf_life_days', to_jsonb(differing.shelf_life_days), to_jsonb(differing.legacy_shelf_life_days)),
      ('listed_on_platforms', differing.listed_on_platforms, differing.legacy_listed_on_platforms),
      ('status_history', differing.status_history, differing.legacy_status_history)
  ) AS fact (name, in_stock, in_legacy)
  -- Only those that differ are asked whether they count.
  WHERE differing.legacy_id IS NOT DISTINCT FROM inventory_ops.counting_row('stock_lifecycle', differing.stock_id)
  UNION ALL
  SELECT differing.stock_id, 'stock_financial', fact.name, fact.in_stock, fact.in_legacy
  FROM differing_financial AS differing
  CROSS JOIN LATERAL (
    VALUES
      -- The 0 of a price stands for the NULL that stock may hold.
      (
        'purchase_price',
        coalesce(to_jsonb(differing.purchase_price), CASE WHEN differing.legacy_purchase_price = 0 THEN '0'::jsonb END),
        to_jsonb(differing.legacy_purchase_price)
      ),
      (
        'gross_purchase_price',
        coalesce(to_jsonb(differing.gross_purchase_price), CASE WHEN differing.legacy_gross_purchase_price = 0 THEN '0'::jsonb END),
        to_jsonb(differing.legacy_gross_purchase_price)
      ),
      (
        'vat_amount',
        coalesce(to_jsonb(differing.vat_amount), CASE WHEN differing.legacy_vat_amount = 0 THEN '0'::jsonb END),
        to_jsonb(differing.legacy_vat_amount)
      ),
      (
        'profit_per_shelf_day',
        to_jsonb(differing.profit_per_shelf_day),
        to_jsonb(differing.legacy_profit_per_shelf_day)
      ),
      ('roi', to_jsonb(differing.roi_percentage), to_jsonb(differing.legacy_roi))
  ) AS fact (name, in_stock, in_legacy)
  WHERE differing.legacy_id = inventory_ops.counting_row('stock_financial', differing.stock_id)
  UNION ALL
  SELECT differing.stock_id, 'stock_metrics', fact.name, fact.in_stock, fact.in_legacy
  FROM differing_metrics AS differing
  CROSS JOIN LATERAL (
    VALUES
      ('reserved_quantity', to_jsonb(differing.reserved_quantity), to_jsonb(differing.legacy_reserved_quantity)),
      ('available_quantity', to_jsonb(differing.available_quantity), to_jsonb(differing.legacy_available_quantity)),
      ('total_cost', to_jsonb(differing.total_cost), to_jsonb(differing.legacy_total_cost)),
      ('expected_profit', to_jsonb(differing.expected_profit), to_jsonb(differing.legacy_expected_profit))
  ) AS fact (name, in_stock, in_legacy)
  -- Without a row there is nothing that it computes.
  WHERE differing.legacy_id IS NOT NULL OR fact.name = 'reserved_quantity'
)
SELECT
  compared.stock_id::text AS stock_id,
  compared.legacy AS place,
  compared.name AS fact,
  compared.in_stock::text AS in_stock,
  compared.in_legacy::text AS elsewhere,
  true AS curable
FROM compared
WHERE compared.in_stock IS DISTINCT FROM compared.in_legacy
ORDER BY compared.stock_id, compared.legacy, compared.name;
