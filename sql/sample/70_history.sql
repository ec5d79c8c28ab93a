-- The two years before the log began, as the log would have told them: in the sample only, once.
--
-- Into the overflow, since there are no months yet for years that are over; making months moves these in. The log's own
-- baseline follows, so that each row ends as it is.
--
-- Locks: ROW EXCLUSIVE on both overflow tables and on stock, to the end of the transaction.

-- What is listed says where, since when and for how much.
UPDATE inventory.stock
SET
  listed_on_platforms = jsonb_build_array(
    jsonb_build_object(
      'platform', replace(stock.status, 'listed_', ''),
      'listing_id', replace(stock.status, 'listed_', '') || '-' || substr(md5(stock.id::text), 1, 8),
      'listed_at', to_char(
        (stock.delivery_date + (stock.updated_at - stock.delivery_date) * 0.6) AT TIME ZONE 'UTC',
        'YYYY-MM-DD"T"HH24:MI:SS"+00:00"'
      ),
      'status', 'active',
      'ask_price', round(coalesce(stock.gross_purchase_price, 150) * 1.35)
    )
  )
WHERE stock.status LIKE 'listed_%' AND stock.listed_on_platforms IS NULL;

INSERT INTO inventory_ops.stock_event_overflow (
  event_id, occurred_at, transaction_id, kind, stock_id, changed, product_id, size_id, supplier_id, supplier, quantity,
  reserved_quantity, purchase_price, gross_purchase_price, roi_percentage, status, detailed_status, location, purchase_date,
  delivery_date, created_at, updated_at, listed_on_platforms
)
WITH pair AS (
  SELECT
    archived.id, archived.product_id, archived.size_id, archived.supplier_id, archived.supplier, 1 AS quantity,
    archived.purchase_price, archived.gross_purchase_price, archived.roi_percentage, archived.purchase_date,
    archived.delivery_date, archived.listed_at, archived.lowered_at, archived.reserved_at, archived.sold_at, archived.archived_at,
    archived.platform, archived.asked, 'C-' || lpad((1 + mod(archived.asked::integer, 24))::text, 2, '0') AS location
  FROM sample.archived_stock AS archived
  UNION ALL
  SELECT
    stock.id, stock.product_id, stock.size_id, stock.supplier_id, stock.supplier, greatest(stock.quantity, 1),
    stock.purchase_price, stock.gross_purchase_price, stock.roi_percentage, stock.created_at, stock.delivery_date,
    CASE
      WHEN stock.status IN ('listed_stockx', 'listed_alias', 'sold')
        THEN stock.delivery_date + (stock.updated_at - stock.delivery_date) * 0.6
    END,
    CASE
      WHEN stock.status IN ('listed_stockx', 'listed_alias')
        THEN stock.delivery_date + (stock.updated_at - stock.delivery_date) * 0.9
    END,
    CASE WHEN stock.status = 'reserved' THEN stock.updated_at END,
    CASE WHEN stock.status = 'sold' THEN stock.updated_at END,
    NULL,
    CASE WHEN stock.status = 'listed_alias' THEN 'alias' ELSE 'stockx' END,
    round(coalesce(stock.gross_purchase_price, 150) * 1.35),
    stock.location
  FROM inventory.stock
),

step AS (
  SELECT
    pair.id, pair.product_id, pair.size_id, pair.supplier_id, pair.supplier, pair.purchase_price, pair.gross_purchase_price,
    pair.roi_percentage, pair.purchase_date, pair.delivery_date, pair.listed_at, pair.platform, pair.location, version.kind,
    version.occurred_at, version.changed, version.status, version.detailed_status, version.ask, version.units
  FROM pair
  CROSS JOIN LATERAL (
    VALUES
    ('insert', pair.purchase_date, NULL::text[], 'in_stock', 'incoming', NULL::numeric, pair.quantity),
    ('update', pair.delivery_date, ARRAY['delivery_date', 'detailed_status', 'location', 'updated_at'], 'in_stock', 'available',
      NULL, pair.quantity),
    ('update', pair.listed_at, ARRAY['listed_on_platforms', 'status', 'updated_at'], 'listed_' || pair.platform, 'available',
      round(pair.asked * 1.08), pair.quantity),
    ('update', pair.lowered_at, ARRAY['listed_on_platforms', 'updated_at'], 'listed_' || pair.platform, 'available', pair.asked,
      pair.quantity),
    ('update', pair.reserved_at, ARRAY['status', 'updated_at'], 'reserved', 'need_shipping', NULL, pair.quantity),
    ('update', pair.sold_at, ARRAY['detailed_status', 'quantity', 'status', 'updated_at'], 'sold', 'sale_completed', NULL, 0),
    ('delete', pair.archived_at, NULL, NULL, NULL, NULL, NULL)
  ) AS version (kind, occurred_at, changed, status, detailed_status, ask, units)
  WHERE version.occurred_at IS NOT NULL
)

SELECT
  -- Before every number that the log gives out.
  row_number() OVER (ORDER BY step.occurred_at, step.id) - 1000000,
  step.occurred_at,
  pg_current_xact_id(),
  step.kind,
  step.id,
  step.changed,
  CASE WHEN step.kind <> 'delete' THEN step.product_id END,
  CASE WHEN step.kind <> 'delete' THEN step.size_id END,
  CASE WHEN step.kind <> 'delete' THEN step.supplier_id END,
  CASE WHEN step.kind <> 'delete' THEN step.supplier END,
  step.units,
  CASE WHEN step.kind <> 'delete' THEN 0 END,
  CASE WHEN step.kind <> 'delete' THEN step.purchase_price END,
  CASE WHEN step.kind <> 'delete' THEN step.gross_purchase_price END,
  CASE WHEN step.kind <> 'delete' THEN step.roi_percentage END,
  step.status,
  step.detailed_status,
  CASE WHEN step.detailed_status <> 'incoming' THEN step.location END,
  CASE WHEN step.kind <> 'delete' THEN step.purchase_date END,
  CASE WHEN step.kind <> 'delete' AND step.detailed_status <> 'incoming' THEN step.delivery_date END,
  CASE WHEN step.kind <> 'delete' THEN step.purchase_date END,
  CASE WHEN step.kind <> 'delete' THEN step.occurred_at END,
  CASE
    WHEN step.ask IS NOT NULL THEN jsonb_build_array(
      jsonb_build_object(
        'platform', step.platform,
        'listing_id', step.platform || '-' || substr(md5(step.id::text), 1, 8),
        'listed_at', to_char(step.listed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"+00:00"'),
        'status', 'active',
        'ask_price', step.ask
      )
    )
  END
FROM step;

INSERT INTO inventory_ops.reservation_event_overflow (
  event_id, occurred_at, transaction_id, kind, reservation_id, stock_id, changed, reserved_quantity, status, reserved_until,
  reservation_reason, created_at, updated_at
)
WITH reservation AS (
  SELECT
    md5('reservation ' || archived.id)::uuid AS id,
    archived.id AS stock_id,
    archived.reserved_at AS made_at,
    archived.sold_at AS ended_at,
    'fulfilled' AS outcome
  FROM sample.archived_stock AS archived
  WHERE archived.reserved_at IS NOT NULL
  UNION ALL
  SELECT
    md5('withdrawn ' || archived.id)::uuid,
    archived.id,
    archived.delivery_date + (archived.listed_at - archived.delivery_date) * 0.3,
    archived.delivery_date + (archived.listed_at - archived.delivery_date) * 0.3 + interval '30 hours',
    CASE WHEN mod(archived.asked::integer, 2) = 0 THEN 'released' ELSE 'expired' END
  FROM sample.archived_stock AS archived
  WHERE mod(archived.asked::integer, 7) = 0
)

SELECT
  row_number() OVER (ORDER BY version.occurred_at, reservation.id) - 500000,
  version.occurred_at,
  pg_current_xact_id(),
  version.kind,
  reservation.id,
  reservation.stock_id,
  version.changed,
  CASE WHEN version.kind <> 'delete' THEN 1 END,
  version.status,
  CASE WHEN version.kind <> 'delete' THEN reservation.made_at + interval '30 hours' END,
  CASE WHEN version.kind <> 'delete' THEN 'bid accepted' END,
  CASE WHEN version.kind <> 'delete' THEN reservation.made_at END,
  CASE WHEN version.kind <> 'delete' THEN version.occurred_at END
FROM reservation
CROSS JOIN LATERAL (
  VALUES
  ('insert', reservation.made_at, NULL::text[], 'pending'),
  ('update', reservation.made_at + interval '2 hours', ARRAY['status', 'updated_at'], 'active'),
  ('update', reservation.ended_at, ARRAY['status', 'updated_at'], reservation.outcome),
  ('delete', reservation.ended_at + interval '14 days', NULL, NULL)
) AS version (kind, occurred_at, changed, status)
WHERE version.occurred_at < now();

DROP SCHEMA sample CASCADE;
