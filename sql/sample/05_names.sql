-- The names to what is in stock, and the table of what was sold: catalogue, suppliers, platforms, orders.
--
-- The application's tables, filled from the sample's own rows: the same shop gives the same rows. Platforms and orders are
-- whoever's who reads this.
--
-- Locks: none that anyone could wait for: everything here is new.

CREATE SCHEMA catalog;

CREATE SCHEMA supplier;

CREATE SCHEMA platform;

CREATE SCHEMA sales;

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

CREATE TABLE platform.marketplace (
  id uuid PRIMARY KEY,
  name varchar(100) NOT NULL,
  slug varchar(100) NOT NULL,
  fee_percentage numeric(5, 2)
);

CREATE TABLE sales."order" (
  id uuid PRIMARY KEY,
  inventory_item_id uuid NOT NULL,
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
