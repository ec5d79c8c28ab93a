-- The rows of stock that somebody should look at, five of each kind: few left, worth most, longest on the shelf.
--
-- "few left": of what is on sale, the fewest units that are not reserved; where that is equal, the dearer. "worth
-- most": units times price, EUR with VAT. "longest on the shelf": days since delivery, or since purchase where no
-- delivery is known. What has no units is in none.
--
-- Locks: ACCESS SHARE on the view and on stock for the length of one scan of each.

WITH held AS (
  SELECT
    view.stock_id,
    stock.status,
    stock.location,
    view.total_quantity AS units,
    view.available_quantity AS available,
    round(view.total_quantity * view.total_cost, 2) AS value,
    floor(
      extract(epoch FROM now() - coalesce(stock.delivery_date, stock.purchase_date, stock.created_at)) / 86400
    )::integer AS days
  FROM inventory.stock_metrics_view AS view
  JOIN inventory.stock ON stock.id = view.stock_id
  WHERE view.total_quantity > 0
)
(
  SELECT
    'few left' AS kind,
    held.stock_id,
    held.status,
    held.location,
    held.units,
    held.available,
    held.value,
    held.days
  FROM held
  WHERE held.status <> 'reserved'
  ORDER BY held.available, held.value DESC NULLS LAST, held.stock_id
  LIMIT 5
)
UNION ALL
(
  SELECT
    'worth most' AS kind,
    held.stock_id,
    held.status,
    held.location,
    held.units,
    held.available,
    held.value,
    held.days
  FROM held
  WHERE held.value IS NOT NULL
  ORDER BY held.value DESC, held.stock_id
  LIMIT 5
)
UNION ALL
(
  SELECT
    'longest on the shelf' AS kind,
    held.stock_id,
    held.status,
    held.location,
    held.units,
    held.available,
    held.value,
    held.days
  FROM held
  ORDER BY held.days DESC, held.stock_id
  LIMIT 5
);
