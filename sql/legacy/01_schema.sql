-- The inventory schema as it stood before Phase 2, for the embedded database and the tests.
--
-- It creates schema inventory; the enum inventory_status; the small tables product and size that make the sample
-- readable; stock with its 25 columns and the six indexes of Phase 1; the three legacy side tables;
-- stock_reservation. It follows SoleFlip's production schema before 2025-11-29. There the product and size ids point
-- into other schemas (catalog, supplier); here product and size stand in for them.
--
-- Locks: none that anyone could wait for: everything here is new. Fails if inventory.stock exists.

CREATE SCHEMA IF NOT EXISTS inventory;

CREATE TYPE inventory.inventory_status AS ENUM (
  'incoming', 'available', 'consigned', 'need_shipping', 'packed', 'outgoing', 'sale_completed', 'cancelled'
);

CREATE TABLE inventory.product (
  id uuid PRIMARY KEY,
  brand text NOT NULL,
  model text NOT NULL,
  colorway text NOT NULL,
  style_code text NOT NULL UNIQUE,
  retail_price numeric(10, 2) NOT NULL
);

COMMENT ON TABLE inventory.product IS 'Sample only: what stock.product_id means. Production keeps it in catalog.product.';

CREATE TABLE inventory.size (
  id uuid PRIMARY KEY,
  eu_size numeric(4, 1) NOT NULL UNIQUE,
  us_size numeric(4, 1) NOT NULL
);

COMMENT ON TABLE inventory.size IS 'Sample only: what stock.size_id means, men''s sizes.';

CREATE TABLE inventory.stock (
  id uuid PRIMARY KEY,
  product_id uuid NOT NULL,
  size_id uuid NOT NULL,
  supplier_id uuid,
  quantity integer NOT NULL,
  purchase_price numeric(10, 2),
  purchase_date timestamptz,
  supplier varchar(100),
  status varchar(50) NOT NULL,
  notes text,
  external_ids jsonb,
  delivery_date timestamptz,
  gross_purchase_price numeric(10, 2),
  vat_amount numeric(10, 2),
  vat_rate numeric(5, 2),
  shelf_life_days integer,
  profit_per_shelf_day numeric(10, 2),
  roi_percentage numeric(5, 2),
  location varchar(50),
  listed_stockx boolean,
  listed_alias boolean,
  listed_local boolean,
  detailed_status inventory.inventory_status,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX idx_stock_value ON inventory.stock (status, product_id) INCLUDE (purchase_price, quantity)
  WHERE status = 'in_stock';

CREATE INDEX idx_active_stock ON inventory.stock (id, product_id, size_id) WHERE status = 'in_stock';

CREATE INDEX idx_stock_product_supplier ON inventory.stock (product_id, supplier_id) WHERE status = 'in_stock';

CREATE INDEX idx_listed_stockx ON inventory.stock (id, product_id) WHERE listed_stockx = TRUE;

CREATE INDEX idx_stock_size_id ON inventory.stock (size_id);

CREATE INDEX idx_stock_product_id ON inventory.stock (product_id);

CREATE TABLE inventory.stock_financial (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  stock_id uuid NOT NULL REFERENCES inventory.stock (id) ON DELETE CASCADE,
  purchase_price numeric(10, 2) NOT NULL,
  gross_purchase_price numeric(10, 2) NOT NULL,
  vat_amount numeric(10, 2) NOT NULL,
  profit_per_shelf_day numeric(10, 2),
  roi numeric(5, 2),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX idx_stock_financial_stock ON inventory.stock_financial (stock_id);

CREATE TABLE inventory.stock_lifecycle (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  stock_id uuid NOT NULL REFERENCES inventory.stock (id) ON DELETE CASCADE,
  shelf_life_days integer,
  listed_on_platforms jsonb,
  status_history jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX idx_stock_lifecycle_stock ON inventory.stock_lifecycle (stock_id);

CREATE TABLE inventory.stock_metrics (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  stock_id uuid NOT NULL REFERENCES inventory.stock (id) ON DELETE CASCADE,
  available_quantity integer NOT NULL,
  reserved_quantity integer NOT NULL,
  total_cost numeric(12, 2),
  expected_profit numeric(15, 2),
  last_calculated_at timestamptz NOT NULL DEFAULT now(),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE UNIQUE INDEX idx_stock_metrics_stock ON inventory.stock_metrics (stock_id);

CREATE TABLE inventory.stock_reservation (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  stock_id uuid NOT NULL REFERENCES inventory.stock (id) ON DELETE CASCADE,
  reserved_quantity integer NOT NULL,
  reserved_until timestamptz,
  reservation_reason text,
  status varchar(20) NOT NULL,
  reserved_by varchar(100),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX idx_stock_reservation_stock ON inventory.stock_reservation (stock_id);

CREATE INDEX idx_stock_reservation_active ON inventory.stock_reservation (stock_id, status) WHERE status = 'active';
