-- Every row of stock that the log has seen, as it was last: its names, its price, and what became of it.
--
-- Reads: stock_event, sale, product, brand, category, size, supplier
-- Grain: stock_id
-- Unknown: when an item was sold is empty where that was before the log began and no order says it. Names that nobody recorded
--   are called unknown.
-- Columns: stock_id: the row of inventory.stock; state: on hand, sold, or gone (deleted or none left, without a sale);
--   status: the shop's word; product: name; sku: the maker's number; brand: name; category: name; size: as printed;
--   size_number: for sorting; supplier: name; quantity: units that the row last said; reserved_quantity: of these;
--   purchase_price: net, EUR a unit; gross_purchase_price: with VAT, EUR a unit; roi_percentage: expected, percent;
--   location: where it lies; bought_day: day of the purchase; held_since: day of the delivery, else of the purchase;
--   sold_at: when it was sold; days_to_sell: from held_since to that day; first_seen_at: its first event in the log;
--   last_changed_at: its last; deleted_at: when the row was deleted; listings: listed_on_platforms as last written, JSON;
--   listings_written_at: when that was.
-- Locks: none; it reads the warehouse.

WITH seen AS (
  SELECT
    stock_event.stock_id AS stock_id,
    min(stock_event.occurred_at) AS first_seen_at,
    max(stock_event.occurred_at) AS last_changed_at,
    max(CASE WHEN stock_event.kind = 'delete' THEN stock_event.occurred_at END) AS deleted_at,
    max(CASE WHEN stock_event.kind <> 'delete' THEN stock_event.occurred_at END) AS written_at,
    max(
      CASE
        WHEN stock_event.kind = 'update' AND stock_event.status = 'sold' AND ',' || stock_event.changed || ',' LIKE '%,status,%'
          THEN stock_event.occurred_at
      END
    ) AS became_sold_at
  FROM stock_event
  WHERE stock_event.kind <> 'truncate'
  GROUP BY stock_event.stock_id
),

latest AS (
  SELECT seen.stock_id AS stock_id, max(seen.written_at) AS occurred_at, max(stock_event.event_id) AS event_id
  FROM seen
  INNER JOIN stock_event
    ON stock_event.stock_id = seen.stock_id AND stock_event.occurred_at = seen.written_at AND stock_event.kind <> 'delete'
  GROUP BY seen.stock_id
),

-- A TRUNCATE is one event that takes every row. Where the log begins anew, a baseline follows it at the same moment.
emptied AS (
  SELECT latest.stock_id AS stock_id, min(stock_event.occurred_at) AS deleted_at
  FROM stock_event
  INNER JOIN latest
    ON latest.occurred_at < stock_event.occurred_at
    OR (latest.occurred_at = stock_event.occurred_at AND latest.event_id < stock_event.event_id)
  WHERE stock_event.kind = 'truncate'
  GROUP BY latest.stock_id
),

-- The log repeats the listings only where they were written.
listing_event AS (
  SELECT
    stock_event.stock_id AS stock_id,
    stock_event.occurred_at AS occurred_at,
    stock_event.listed_on_platforms AS listings,
    row_number() OVER (
      PARTITION BY stock_event.stock_id ORDER BY stock_event.occurred_at DESC, stock_event.event_id DESC
    ) AS place
  FROM stock_event
  WHERE
    stock_event.kind = 'baseline'
    OR stock_event.kind = 'insert'
    OR ',' || stock_event.changed || ',' LIKE '%,listed_on_platforms,%'
),

last_sale AS (
  SELECT sale.stock_id AS stock_id, max(sale.sold_at) AS sold_at
  FROM sale
  GROUP BY sale.stock_id
),

item AS (
  SELECT
    seen.stock_id AS stock_id,
    CASE
      WHEN
        stock_event.status = 'sold'
        OR (
          last_sale.sold_at IS NOT NULL
          AND (
            coalesce(stock_event.quantity, 0) = 0 OR emptied.deleted_at IS NOT NULL OR seen.deleted_at >= seen.written_at
          )
        )
        THEN 'sold'
      WHEN
        coalesce(stock_event.quantity, 0) <= 0 OR emptied.deleted_at IS NOT NULL OR seen.deleted_at >= seen.written_at
        THEN 'gone'
      ELSE 'on hand'
    END AS state,
    coalesce(last_sale.sold_at, CASE WHEN stock_event.status = 'sold' THEN seen.became_sold_at END) AS sold_at,
    seen.first_seen_at AS first_seen_at,
    seen.last_changed_at AS last_changed_at,
    CASE WHEN seen.deleted_at >= seen.written_at THEN seen.deleted_at ELSE emptied.deleted_at END AS deleted_at,
    stock_event.status AS status,
    stock_event.product_id AS product_id,
    stock_event.size_id AS size_id,
    stock_event.supplier_id AS supplier_id,
    stock_event.supplier AS supplier,
    stock_event.quantity AS quantity,
    stock_event.reserved_quantity AS reserved_quantity,
    stock_event.purchase_price AS purchase_price,
    stock_event.gross_purchase_price AS gross_purchase_price,
    stock_event.roi_percentage AS roi_percentage,
    stock_event.location AS location,
    cast(stock_event.purchase_date AS date) AS bought_day,
    cast(coalesce(stock_event.delivery_date, stock_event.purchase_date) AS date) AS held_since
  FROM seen
  INNER JOIN latest ON latest.stock_id = seen.stock_id
  INNER JOIN stock_event ON stock_event.event_id = latest.event_id
  LEFT JOIN emptied ON emptied.stock_id = seen.stock_id
  LEFT JOIN last_sale ON last_sale.stock_id = seen.stock_id
)

SELECT
  item.stock_id AS stock_id,
  item.state AS state,
  item.status AS status,
  coalesce(product.name, 'unknown') AS product,
  coalesce(product.sku, 'unknown') AS sku,
  coalesce(brand.name, 'unknown') AS brand,
  coalesce(category.name, 'unknown') AS category,
  coalesce(size.value, 'unknown') AS size,
  size.standardized_value AS size_number,
  coalesce(supplier.name, item.supplier, 'unknown') AS supplier,
  item.quantity AS quantity,
  item.reserved_quantity AS reserved_quantity,
  item.purchase_price AS purchase_price,
  item.gross_purchase_price AS gross_purchase_price,
  item.roi_percentage AS roi_percentage,
  item.location AS location,
  item.bought_day AS bought_day,
  item.held_since AS held_since,
  CASE WHEN item.state = 'sold' THEN item.sold_at END AS sold_at,
  CASE
    WHEN item.state = 'sold' THEN cast(cast(item.sold_at AS date) - item.held_since AS integer)
  END AS days_to_sell,
  item.first_seen_at AS first_seen_at,
  item.last_changed_at AS last_changed_at,
  item.deleted_at AS deleted_at,
  listing_event.listings AS listings,
  listing_event.occurred_at AS listings_written_at
FROM item
LEFT JOIN listing_event ON listing_event.stock_id = item.stock_id AND listing_event.place = 1
LEFT JOIN product ON product.id = item.product_id
LEFT JOIN brand ON brand.id = product.brand_id
LEFT JOIN category ON category.id = product.category_id
LEFT JOIN size ON size.id = item.size_id
LEFT JOIN supplier ON supplier.id = item.supplier_id;
