-- What stands around stock in production: the tables that it points to and that point to it, and the views on it.
--
-- A useful part of it, filled from the sample's own rows, after 05_names.sql: the same shop gives the same rows. The enum of
-- detailed_status is in public there, ids are supplied by the client, and one of the foreign keys was never validated.
--
-- Locks: ACCESS EXCLUSIVE on stock, to the end of the transaction; nobody knows of it yet.

ALTER TYPE inventory.inventory_status SET SCHEMA public;

CREATE SCHEMA pricing;

CREATE SCHEMA analytics;

CREATE SCHEMA finance;

ALTER TABLE inventory.stock
  ADD CONSTRAINT stock_product_id_fkey FOREIGN KEY (product_id) REFERENCES catalog.product (id),
  ADD CONSTRAINT stock_supplier_id_fkey FOREIGN KEY (supplier_id) REFERENCES supplier.profile (id),
  ADD CONSTRAINT stock_size_id_fkey FOREIGN KEY (size_id) REFERENCES catalog.sizes (id) NOT VALID;

INSERT INTO platform.marketplace (id, name, slug, fee_percentage)
VALUES
  (md5('platform stockx')::uuid, 'StockX', 'stockx', 9.50),
  (md5('platform alias')::uuid, 'Alias', 'alias', 9.50),
  (md5('platform ebay')::uuid, 'eBay', 'ebay', 8.00);

CREATE TABLE sales.listing (
  id uuid PRIMARY KEY,
  inventory_item_id uuid NOT NULL REFERENCES inventory.stock (id),
  stockx_listing_id varchar(100) NOT NULL UNIQUE,
  status varchar(50) NOT NULL,
  amount numeric(10, 2),
  currency_code varchar(10),
  expires_at timestamptz
);

INSERT INTO sales.listing (id, inventory_item_id, stockx_listing_id, status, amount, currency_code, expires_at)
SELECT
  md5('listing ' || stock.id)::uuid,
  stock.id,
  stock.external_ids ->> 'stockx_listing_id',
  'ACTIVE',
  stock.gross_purchase_price * 1.4,
  'EUR',
  stock.updated_at + interval '30 days'
FROM inventory.stock
WHERE stock.status = 'listed_stockx' AND stock.external_ids ? 'stockx_listing_id'
-- The ids are drawn at random: of 200,000 items two have the same.
ON CONFLICT (stockx_listing_id) DO NOTHING;

ALTER TABLE sales."order"
  ADD CONSTRAINT order_inventory_item_id_fkey FOREIGN KEY (inventory_item_id) REFERENCES inventory.stock (id);

INSERT INTO sales."order" (
  id, inventory_item_id, platform_id, status, sold_at, gross_sale, net_proceeds, platform_fee, buyer_destination_country,
  shelf_life_days, created_at, updated_at
)
SELECT
  md5('order ' || stock.id)::uuid,
  stock.id,
  md5('platform stockx')::uuid,
  'completed',
  stock.updated_at,
  stock.gross_purchase_price * 1.3,
  stock.gross_purchase_price * 1.17,
  stock.gross_purchase_price * 0.13,
  'Germany',
  stock.shelf_life_days,
  stock.updated_at,
  stock.updated_at
FROM inventory.stock
WHERE stock.status = 'sold';

CREATE TABLE pricing.price_history (
  id uuid PRIMARY KEY,
  product_id uuid NOT NULL REFERENCES catalog.product (id),
  inventory_item_id uuid REFERENCES inventory.stock (id),
  price_date date NOT NULL,
  price_amount numeric(10, 2) NOT NULL
);

CREATE TABLE analytics.marketplace_data (
  id uuid PRIMARY KEY,
  inventory_item_id uuid NOT NULL REFERENCES inventory.stock (id),
  platform_id uuid NOT NULL REFERENCES platform.marketplace (id),
  ask_price numeric(10, 2),
  bid_price numeric(10, 2),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE finance.transaction (
  id uuid PRIMARY KEY,
  inventory_item_id uuid NOT NULL REFERENCES inventory.stock (id),
  amount numeric(10, 2) NOT NULL,
  transaction_date timestamptz NOT NULL
);

CREATE VIEW analytics.inventory_status_summary AS
SELECT
  stock.status,
  count(*) AS items,
  sum(stock.quantity) AS units,
  sum(financial.gross_purchase_price) AS value,
  avg(financial.roi) AS roi
FROM inventory.stock
LEFT JOIN inventory.stock_financial AS financial ON financial.stock_id = stock.id
GROUP BY stock.status;

CREATE VIEW analytics.supplier_performance_summary AS
SELECT
  profile.name AS supplier,
  count(stock.id) AS items,
  avg(financial.profit_per_shelf_day) AS profit_per_shelf_day
FROM supplier.profile
LEFT JOIN inventory.stock ON stock.supplier_id = profile.id
LEFT JOIN inventory.stock_financial AS financial ON financial.stock_id = stock.id
GROUP BY profile.name;
