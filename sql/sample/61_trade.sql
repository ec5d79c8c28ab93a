-- What the log is told of the two years before it began: pairs that were sold and archived, of which stock knows nothing any more.
--
-- Orders have no foreign key to stock in this sample: most are of such pairs.
--
-- Locks: none that anyone could wait for: everything here is new.

CREATE SCHEMA sample;

COMMENT ON SCHEMA sample IS 'Sample only: what the log is told of the time before it began (70_history.sql).';

CREATE TABLE sample.archived_stock (
  id uuid PRIMARY KEY,
  product_id uuid NOT NULL,
  size_id uuid NOT NULL,
  supplier_id uuid,
  supplier varchar(100),
  purchase_price numeric(10, 2) NOT NULL,
  gross_purchase_price numeric(10, 2) NOT NULL,
  roi_percentage numeric(5, 2) NOT NULL,
  asked numeric(10, 2) NOT NULL,
  platform varchar(100) NOT NULL,
  purchase_date timestamptz NOT NULL,
  delivery_date timestamptz NOT NULL,
  listed_at timestamptz NOT NULL,
  lowered_at timestamptz,
  reserved_at timestamptz,
  sold_at timestamptz NOT NULL,
  archived_at timestamptz NOT NULL
);
