-- The log of stock and of reservations: what each row became, at each write; a partition for each month in UTC.
--
-- Without a default partition, beside which no month can be detached CONCURRENTLY. What meets no month goes to the
-- overflow of its table, an ordinary one, until months are made again. The key begins with the transaction, so that it
-- also finds what a reader has not read yet; an index of that alone cost each write 90 bytes of WAL more. Indexes of
-- a partitioned table cannot be made CONCURRENTLY, and here nobody is waiting yet.
--
-- Locks: none that anyone could wait for: everything here is new.
-- Again: safe.

-- One for both logs: numbers rise in the order of writing within a transaction, and have gaps.
CREATE SEQUENCE IF NOT EXISTS inventory_ops.event_id;

CREATE TABLE IF NOT EXISTS inventory_ops.stock_event (
  event_id bigint NOT NULL DEFAULT nextval('inventory_ops.event_id'),
  occurred_at timestamptz NOT NULL,
  transaction_id xid8 NOT NULL,
  kind text NOT NULL,
  stock_id uuid,
  changed text[],
  product_id uuid,
  size_id uuid,
  supplier_id uuid,
  -- Without the limits that stock has today: a migration that lifts one must not end in writes that fail here.
  supplier text,
  -- squawk-ignore prefer-bigint-over-int
  quantity integer,
  -- squawk-ignore prefer-bigint-over-int
  reserved_quantity integer,
  purchase_price numeric(10, 2),
  gross_purchase_price numeric(10, 2),
  roi_percentage numeric(5, 2),
  profit_per_shelf_day numeric(10, 2),
  status text,
  detailed_status text,
  location text,
  purchase_date timestamptz,
  delivery_date timestamptz,
  created_at timestamptz,
  updated_at timestamptz,
  listed_on_platforms jsonb,
  PRIMARY KEY (transaction_id, event_id, occurred_at)
) PARTITION BY RANGE (occurred_at);

COMMENT ON TABLE inventory_ops.stock_event IS
  'What each row of inventory.stock became, at each write: a row a version, written by triggers, a partition a month';

COMMENT ON COLUMN inventory_ops.stock_event.occurred_at IS 'When the statement ended, by the clock of the server';

COMMENT ON COLUMN inventory_ops.stock_event.transaction_id IS
  'The transaction that wrote it: an event is read exactly once by who remembers the snapshot that it has read up to';

COMMENT ON COLUMN inventory_ops.stock_event.kind IS 'baseline, insert, update, delete or truncate';

COMMENT ON COLUMN inventory_ops.stock_event.changed IS
  'The columns of stock that an update changed, also those not kept here';

COMMENT ON COLUMN inventory_ops.stock_event.listed_on_platforms IS
  'What it became where it changed: in a baseline, an insert, and an update whose changed names it';

-- The history of one row.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX IF NOT EXISTS stock_event_row ON inventory_ops.stock_event (stock_id, occurred_at);

-- A stretch of time: 80 kB where a btree takes 107 MB.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX IF NOT EXISTS stock_event_time ON inventory_ops.stock_event USING brin (occurred_at);

CREATE TABLE IF NOT EXISTS inventory_ops.stock_event_overflow (
  LIKE inventory_ops.stock_event INCLUDING DEFAULTS,
  PRIMARY KEY (event_id)
);

COMMENT ON TABLE inventory_ops.stock_event_overflow IS
  'Events of stock that met no month, until months are made: nobody''s write fails for want of one';

CREATE TABLE IF NOT EXISTS inventory_ops.reservation_event (
  event_id bigint NOT NULL DEFAULT nextval('inventory_ops.event_id'),
  occurred_at timestamptz NOT NULL,
  transaction_id xid8 NOT NULL,
  kind text NOT NULL,
  reservation_id uuid,
  stock_id uuid,
  changed text[],
  -- squawk-ignore prefer-bigint-over-int
  reserved_quantity integer,
  status text,
  reserved_until timestamptz,
  reservation_reason text,
  created_at timestamptz,
  updated_at timestamptz,
  PRIMARY KEY (transaction_id, event_id, occurred_at)
) PARTITION BY RANGE (occurred_at);

COMMENT ON TABLE inventory_ops.reservation_event IS
  'What each row of inventory.stock_reservation became, at each write; whose it is (reserved_by) is not kept';

-- squawk-ignore require-concurrent-index-creation
CREATE INDEX IF NOT EXISTS reservation_event_row ON inventory_ops.reservation_event (reservation_id, occurred_at);

-- squawk-ignore require-concurrent-index-creation
CREATE INDEX IF NOT EXISTS reservation_event_stock ON inventory_ops.reservation_event (stock_id, occurred_at);

-- squawk-ignore require-concurrent-index-creation
CREATE INDEX IF NOT EXISTS reservation_event_time ON inventory_ops.reservation_event USING brin (occurred_at);

CREATE TABLE IF NOT EXISTS inventory_ops.reservation_event_overflow (
  LIKE inventory_ops.reservation_event INCLUDING DEFAULTS,
  PRIMARY KEY (event_id)
);

COMMENT ON TABLE inventory_ops.reservation_event_overflow IS
  'Events of reservations that met no month, until months are made';
