-- What stands around stock in production: the tables that it points to and that point to it, and the views on it.
--
-- A useful part of it, filled from the sample's own rows: the same shop gives the same rows. The enum of detailed_status is
-- in public there, ids are supplied by the client, and one of the foreign keys was never validated.
--
-- Locks: ACCESS EXCLUSIVE on stock, to the end of the transaction; nobody knows of it yet.

ALTER TYPE inventory.inventory_status SET SCHEMA public;

CREATE SCHEMA catalog;

CREATE SCHEMA supplier;

CREATE SCHEMA platform;

CREATE SCHEMA sales;

CREATE SCHEMA pricing;

CREATE SCHEMA analytics;

CREATE SCHEMA finance;

CREATE TABLE catalog.brand (id uuid PRIMARY KEY, name varchar(100) NOT NULL UNIQUE, slug varchar(100) NOT NULL);

INSERT INTO catalog.brand (id, name, slug)
SELECT md5('brand ' || product.brand)::uuid, product.brand, lower(replace(product.brand, ' ', '-'))
FROM (SELECT DISTINCT product.brand FROM inventory.product) AS product;

CREATE TABLE catalog.category (id uuid PRIMARY KEY, name varchar(100) NOT NULL);

INSERT INTO catalog.category (id, name) VALUES (md5('category sneakers')::uuid, 'Sneakers');

CREATE TABLE catalog.product (
  id uuid PRIMARY KEY,
  sku varchar(100) NOT NULL UNIQUE,
  brand_id uuid REFERENCES catalog.brand (id),
  category_id uuid NOT NULL REFERENCES catalog.category (id),
  name varchar(255) NOT NULL,
  retail_price numeric(10, 2)
);

INSERT INTO catalog.product (id, sku, brand_id, category_id, name, retail_price)
SELECT
  product.id,
  product.style_code,
  md5('brand ' || product.brand)::uuid,
  md5('category sneakers')::uuid,
  product.model || ' ' || product.colorway,
  product.retail_price
FROM inventory.product;

CREATE TABLE catalog.sizes (
  id uuid PRIMARY KEY,
  category_id uuid REFERENCES catalog.category (id),
  value varchar(20) NOT NULL,
  standardized_value numeric(4, 1),
  region varchar(10) NOT NULL
);

INSERT INTO catalog.sizes (id, category_id, value, standardized_value, region)
SELECT size.id, md5('category sneakers')::uuid, size.eu_size::text, size.eu_size, 'EU'
FROM inventory.size;

CREATE TABLE supplier.profile (id uuid PRIMARY KEY, name varchar(100) NOT NULL, slug varchar(100) NOT NULL);

INSERT INTO supplier.profile (id, name, slug)
SELECT DISTINCT ON (stock.supplier_id) stock.supplier_id, stock.supplier, lower(replace(stock.supplier, ' ', '-'))
FROM inventory.stock
WHERE stock.supplier_id IS NOT NULL
ORDER BY stock.supplier_id, stock.supplier;

ALTER TABLE inventory.stock
  ADD CONSTRAINT stock_product_id_fkey FOREIGN KEY (product_id) REFERENCES catalog.product (id),
  ADD CONSTRAINT stock_supplier_id_fkey FOREIGN KEY (supplier_id) REFERENCES supplier.profile (id),
  ADD CONSTRAINT stock_size_id_fkey FOREIGN KEY (size_id) REFERENCES catalog.sizes (id) NOT VALID;

CREATE TABLE platform.marketplace (
  id uuid PRIMARY KEY,
  name varchar(100) NOT NULL,
  slug varchar(100) NOT NULL,
  fee_percentage numeric(5, 2)
);

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
WHERE stock.status = 'listed_stockx' AND stock.external_ids ? 'stockx_listing_id';

CREATE TABLE sales."order" (
  id uuid PRIMARY KEY,
  inventory_item_id uuid NOT NULL REFERENCES inventory.stock (id),
  platform_id uuid REFERENCES platform.marketplace (id),
  status varchar(50) NOT NULL,
  sold_at timestamptz,
  gross_sale numeric(10, 2),
  net_proceeds numeric(10, 2),
  gross_profit numeric(10, 2),
  net_profit numeric(10, 2),
  roi numeric(5, 2),
  platform_fee numeric(10, 2),
  shipping_cost numeric(10, 2),
  buyer_destination_country varchar(100),
  payout_received boolean,
  payout_date timestamptz,
  shelf_life_days integer,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

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
