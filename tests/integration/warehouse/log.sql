CREATE SEQUENCE inventory_ops.event_id;
CREATE TABLE inventory_ops.stock_event (
  event_id bigint NOT NULL DEFAULT nextval('inventory_ops.event_id'),
  occurred_at timestamptz NOT NULL DEFAULT clock_timestamp(), transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id(),
  kind text NOT NULL, stock_id uuid, changed text[],
  product_id uuid, size_id uuid, supplier_id uuid, supplier varchar(100), quantity integer, reserved_quantity integer,
  purchase_price numeric(10, 2), gross_purchase_price numeric(10, 2), roi_percentage numeric(5, 2),
  profit_per_shelf_day numeric(10, 2), status varchar(50), detailed_status text, location varchar(50),
  purchase_date timestamptz, delivery_date timestamptz, created_at timestamptz, updated_at timestamptz,
  listed_on_platforms jsonb, PRIMARY KEY (event_id, occurred_at)
) PARTITION BY RANGE (occurred_at);
CREATE INDEX ON inventory_ops.stock_event (transaction_id);
CREATE TABLE inventory_ops.stock_event_overflow (LIKE inventory_ops.stock_event INCLUDING DEFAULTS);
CREATE TABLE inventory_ops.reservation_event (
  event_id bigint NOT NULL DEFAULT nextval('inventory_ops.event_id'),
  occurred_at timestamptz NOT NULL DEFAULT clock_timestamp(), transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id(),
  kind text NOT NULL, reservation_id uuid, stock_id uuid, changed text[], reserved_quantity integer, status varchar(20),
  reserved_until timestamptz, reservation_reason text, created_at timestamptz, updated_at timestamptz,
  PRIMARY KEY (event_id, occurred_at)
) PARTITION BY RANGE (occurred_at);
CREATE TABLE inventory_ops.reservation_event_overflow (LIKE inventory_ops.reservation_event INCLUDING DEFAULTS);
DO $$
DECLARE month timestamptz;
BEGIN
  FOR month IN SELECT generate_series(date_trunc('month', now() - interval '4 months', 'UTC'), now() + interval '1 month', interval '1 month') LOOP
    EXECUTE format('CREATE TABLE inventory_ops.stock_event_%s PARTITION OF inventory_ops.stock_event FOR VALUES FROM (%L) TO (%L)',
      to_char(month AT TIME ZONE 'UTC', 'YYYYMM'), month, month + interval '1 month');
    EXECUTE format('CREATE TABLE inventory_ops.reservation_event_%s PARTITION OF inventory_ops.reservation_event FOR VALUES FROM (%L) TO (%L)',
      to_char(month AT TIME ZONE 'UTC', 'YYYYMM'), month, month + interval '1 month');
  END LOOP;
END
$$;
CREATE FUNCTION inventory_ops.log_stock() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    INSERT INTO inventory_ops.stock_event (kind) VALUES ('truncate');
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO inventory_ops.stock_event (kind, stock_id) VALUES ('delete', OLD.id);
  ELSE
    INSERT INTO inventory_ops.stock_event (kind, stock_id, changed, product_id, size_id, supplier_id, supplier, quantity,
      reserved_quantity, purchase_price, gross_purchase_price, roi_percentage, profit_per_shelf_day, status,
      detailed_status, location, purchase_date, delivery_date, created_at, updated_at, listed_on_platforms)
    VALUES (lower(TG_OP), NEW.id, CASE TG_OP WHEN 'UPDATE' THEN ARRAY['quantity', 'status'] END, NEW.product_id, NEW.size_id,
      NEW.supplier_id, NEW.supplier, NEW.quantity, NEW.reserved_quantity, NEW.purchase_price, NEW.gross_purchase_price,
      NEW.roi_percentage, NEW.profit_per_shelf_day, NEW.status, NEW.detailed_status, NEW.location, NEW.purchase_date,
      NEW.delivery_date, NEW.created_at, NEW.updated_at, CASE TG_OP WHEN 'INSERT' THEN NEW.listed_on_platforms END);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER log_stock AFTER INSERT OR UPDATE OR DELETE ON inventory.stock FOR EACH ROW EXECUTE FUNCTION inventory_ops.log_stock();
CREATE TRIGGER log_stock_truncate AFTER TRUNCATE ON inventory.stock EXECUTE FUNCTION inventory_ops.log_stock();
INSERT INTO inventory_ops.stock_event (kind, stock_id, product_id, size_id, supplier_id, supplier, quantity,
  reserved_quantity, purchase_price, gross_purchase_price, roi_percentage, profit_per_shelf_day, status,
  detailed_status, location, purchase_date, delivery_date, created_at, updated_at, listed_on_platforms)
SELECT 'baseline', id, product_id, size_id, supplier_id, supplier, quantity,
  reserved_quantity, purchase_price, gross_purchase_price, roi_percentage, profit_per_shelf_day, status,
  detailed_status, location, purchase_date, delivery_date, created_at, updated_at, listed_on_platforms
FROM inventory.stock;
