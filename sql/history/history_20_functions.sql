-- The functions of the log: what the triggers write, the baseline, and moving what met no month.
--
-- As the owner, so that whoever writes to stock needs no right on the log. A column that the shop's table lacks is
-- NULL: in these functions a name that is no column is a variable, so a column may come and go, as it does with Phase 2
-- and its revert, and no write fails for it. So where the shop's rows are read, no other variable is named. Values are what
-- the row became; what is not kept is compared, too.
--
-- Locks: none that anyone could wait for: new, or replaced in an instant.
-- Again: safe.

-- The columns of stock that the log does not know by name, nor compares.
--
-- IMMUTABLE, which is true of one plan: it is asked when the statement of a trigger is planned, not at each write, and
-- that statement is planned anew when the columns of its table have changed. To ask at each write cost a tenth of it.
CREATE OR REPLACE FUNCTION inventory_ops.more_columns_of_stock()
RETURNS text[]
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN ARRAY(
    SELECT pg_attribute.attname
    FROM pg_attribute
    WHERE pg_attribute.attrelid = 'inventory.stock'::regclass
      AND pg_attribute.attnum > 0
      AND NOT pg_attribute.attisdropped
      AND pg_attribute.attname <> ALL (ARRAY[
        'id', 'product_id', 'size_id', 'supplier_id', 'supplier', 'quantity', 'reserved_quantity', 'purchase_price',
        'gross_purchase_price', 'roi_percentage', 'profit_per_shelf_day', 'status', 'detailed_status', 'location',
        'purchase_date', 'delivery_date', 'created_at', 'updated_at', 'listed_on_platforms', 'notes', 'external_ids',
        'vat_amount', 'vat_rate', 'shelf_life_days', 'listed_stockx', 'listed_alias', 'listed_local', 'status_history'
      ])
  );
END
$function$;

-- The same of reservations.
CREATE OR REPLACE FUNCTION inventory_ops.more_columns_of_reservations()
RETURNS text[]
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN ARRAY(
    SELECT pg_attribute.attname
    FROM pg_attribute
    WHERE pg_attribute.attrelid = 'inventory.stock_reservation'::regclass
      AND pg_attribute.attnum > 0
      AND NOT pg_attribute.attisdropped
      AND pg_attribute.attname <> ALL (ARRAY[
        'id', 'stock_id', 'reserved_quantity', 'status', 'reserved_until', 'reservation_reason', 'created_at',
        'updated_at', 'reserved_by'
      ])
  );
END
$function$;

-- Of some columns those in which two rows differ; NULL where there is nothing to compare.
CREATE OR REPLACE FUNCTION inventory_ops.log_differing(names text[], was jsonb, became jsonb)
RETURNS text[]
LANGUAGE plpgsql
IMMUTABLE
STRICT
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN ARRAY(
    SELECT name
    FROM unnest(names) AS name
    WHERE became -> name IS DISTINCT FROM was -> name
    ORDER BY name
  );
END
$function$;

-- A trigger that writes a row again does so before the statement that set it off is logged. So that the row's last
-- event says what it is, such events get new numbers: of rows that are not any more as the statement left them.
CREATE OR REPLACE FUNCTION inventory_ops.log_nested_last(
  log text, id_column name, nested_from bigint, own_from bigint, ids uuid[]
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  relation text;
BEGIN
  FOREACH relation IN ARRAY ARRAY[log, log || '_overflow'] LOOP
    EXECUTE format(
      $statement$
      UPDATE %1$s AS event
      SET event_id = nested.number
      FROM (
        SELECT found.event_id, nextval('inventory_ops.event_id') AS number
        FROM (
          SELECT known.event_id
          FROM %1$s AS known
          WHERE known.transaction_id = pg_current_xact_id()
            AND known.event_id >= $1
            AND known.event_id < $2
            AND known.%2$I = ANY ($3)
          ORDER BY known.event_id
        ) AS found
      ) AS nested
      WHERE event.event_id = nested.event_id AND event.transaction_id = pg_current_xact_id()
      $statement$,
      relation, id_column
    ) USING nested_from, own_from, ids;
  END LOOP;
END
$function$;

-- What the triggers of inventory.stock do.
CREATE OR REPLACE FUNCTION inventory_ops.log_stock()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
DECLARE
  moment timestamptz := clock_timestamp();
  -- Whether the moment has a partition that nobody is detaching.
  has_month boolean := coalesce(
    pg_partition_root(to_regclass('inventory_ops.stock_event' || to_char(moment AT TIME ZONE 'UTC', '"_"YYYYMM')))
      = 'inventory_ops.stock_event'::regclass,
    false
  );
  -- The number from which on this statement's events are counted, where a trigger writes to a logged table, or has
  -- done so in this transaction: its writes are logged before what set it off.
  own_from bigint := CASE
    WHEN pg_trigger_depth() > 1 OR current_setting('soleflip.nested_event', true) <> ''
    THEN nextval('inventory_ops.event_id')
  END;
  nested_from bigint;
  rewritten uuid[];
  product_id uuid;
  size_id uuid;
  supplier_id uuid;
  supplier varchar;
  quantity integer;
  reserved_quantity integer;
  purchase_price numeric;
  gross_purchase_price numeric;
  roi_percentage numeric;
  profit_per_shelf_day numeric;
  status varchar;
  detailed_status text;
  location varchar;
  purchase_date timestamptz;
  delivery_date timestamptz;
  created_at timestamptz;
  updated_at timestamptz;
  listed_on_platforms jsonb;
  notes text;
  external_ids jsonb;
  vat_amount numeric;
  vat_rate numeric;
  shelf_life_days integer;
  listed_stockx boolean;
  listed_alias boolean;
  listed_local boolean;
  status_history jsonb;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    -- By id, not by row: where a primary key was changed, one row is gone and another one has come.
    WITH event (
      event_id, occurred_at, transaction_id, kind, stock_id, changed, product_id, size_id, supplier_id, supplier,
      quantity, reserved_quantity, purchase_price, gross_purchase_price, roi_percentage, profit_per_shelf_day,
      status, detailed_status, location, purchase_date, delivery_date, created_at, updated_at, listed_on_platforms
    ) AS (
      SELECT
        nextval('inventory_ops.event_id'),
        moment,
        pg_current_xact_id(),
        CASE WHEN was.id IS NULL THEN 'insert' WHEN became.id IS NULL THEN 'delete' ELSE 'update' END,
        coalesce(was.id, became.id),
        CASE WHEN was.id = became.id THEN
          array_remove(ARRAY[
            CASE WHEN became.product_id IS DISTINCT FROM was.product_id THEN 'product_id' END,
            CASE WHEN became.size_id IS DISTINCT FROM was.size_id THEN 'size_id' END,
            CASE WHEN became.supplier_id IS DISTINCT FROM was.supplier_id THEN 'supplier_id' END,
            CASE WHEN became.supplier IS DISTINCT FROM was.supplier THEN 'supplier' END,
            CASE WHEN became.quantity IS DISTINCT FROM was.quantity THEN 'quantity' END,
            CASE WHEN became.reserved_quantity IS DISTINCT FROM was.reserved_quantity THEN 'reserved_quantity' END,
            CASE WHEN became.purchase_price IS DISTINCT FROM was.purchase_price THEN 'purchase_price' END,
            CASE WHEN became.gross_purchase_price IS DISTINCT FROM was.gross_purchase_price
              THEN 'gross_purchase_price' END,
            CASE WHEN became.roi_percentage IS DISTINCT FROM was.roi_percentage THEN 'roi_percentage' END,
            CASE WHEN became.profit_per_shelf_day IS DISTINCT FROM was.profit_per_shelf_day
              THEN 'profit_per_shelf_day' END,
            CASE WHEN became.status IS DISTINCT FROM was.status THEN 'status' END,
            CASE WHEN became.detailed_status IS DISTINCT FROM was.detailed_status THEN 'detailed_status' END,
            CASE WHEN became.location IS DISTINCT FROM was.location THEN 'location' END,
            CASE WHEN became.purchase_date IS DISTINCT FROM was.purchase_date THEN 'purchase_date' END,
            CASE WHEN became.delivery_date IS DISTINCT FROM was.delivery_date THEN 'delivery_date' END,
            CASE WHEN became.created_at IS DISTINCT FROM was.created_at THEN 'created_at' END,
            CASE WHEN became.updated_at IS DISTINCT FROM was.updated_at THEN 'updated_at' END,
            CASE WHEN became.listed_on_platforms IS DISTINCT FROM was.listed_on_platforms THEN 'listed_on_platforms' END,
            CASE WHEN became.notes IS DISTINCT FROM was.notes THEN 'notes' END,
            CASE WHEN became.external_ids IS DISTINCT FROM was.external_ids THEN 'external_ids' END,
            CASE WHEN became.vat_amount IS DISTINCT FROM was.vat_amount THEN 'vat_amount' END,
            CASE WHEN became.vat_rate IS DISTINCT FROM was.vat_rate THEN 'vat_rate' END,
            CASE WHEN became.shelf_life_days IS DISTINCT FROM was.shelf_life_days THEN 'shelf_life_days' END,
            CASE WHEN became.listed_stockx IS DISTINCT FROM was.listed_stockx THEN 'listed_stockx' END,
            CASE WHEN became.listed_alias IS DISTINCT FROM was.listed_alias THEN 'listed_alias' END,
            CASE WHEN became.listed_local IS DISTINCT FROM was.listed_local THEN 'listed_local' END,
            CASE WHEN became.status_history IS DISTINCT FROM was.status_history THEN 'status_history' END
          ], NULL) || inventory_ops.log_differing(inventory_ops.more_columns_of_stock(), was.more, became.more)
        END,
        became.product_id, became.size_id, became.supplier_id, became.supplier, became.quantity,
        became.reserved_quantity, became.purchase_price, became.gross_purchase_price, became.roi_percentage,
        became.profit_per_shelf_day, became.status, became.detailed_status, became.location, became.purchase_date,
        became.delivery_date, became.created_at, became.updated_at,
        CASE WHEN became.listed_on_platforms IS DISTINCT FROM was.listed_on_platforms THEN became.listed_on_platforms END
      FROM (
        SELECT
          id, product_id, size_id, supplier_id, supplier, quantity, reserved_quantity, purchase_price,
          gross_purchase_price, roi_percentage, profit_per_shelf_day, status, detailed_status, location,
          purchase_date, delivery_date, created_at, updated_at, listed_on_platforms, notes, external_ids, vat_amount,
          vat_rate, shelf_life_days, listed_stockx, listed_alias, listed_local, status_history,
          CASE WHEN inventory_ops.more_columns_of_stock() <> '{}' THEN to_jsonb(before.*) END AS more
        FROM before
      ) AS was
      FULL JOIN (
        SELECT
          id, product_id, size_id, supplier_id, supplier, quantity, reserved_quantity, purchase_price,
          gross_purchase_price, roi_percentage, profit_per_shelf_day, status, detailed_status, location,
          purchase_date, delivery_date, created_at, updated_at, listed_on_platforms, notes, external_ids, vat_amount,
          vat_rate, shelf_life_days, listed_stockx, listed_alias, listed_local, status_history,
          CASE WHEN inventory_ops.more_columns_of_stock() <> '{}' THEN to_jsonb(after.*) END AS more
        FROM after
      ) AS became ON became.id = was.id
    ),
    kept AS (
      INSERT INTO inventory_ops.stock_event (
        event_id, occurred_at, transaction_id, kind, stock_id, changed, product_id, size_id, supplier_id, supplier,
        quantity, reserved_quantity, purchase_price, gross_purchase_price, roi_percentage, profit_per_shelf_day,
        status, detailed_status, location, purchase_date, delivery_date, created_at, updated_at, listed_on_platforms
      )
      SELECT
        event.event_id, event.occurred_at, event.transaction_id, event.kind, event.stock_id, event.changed,
        event.product_id, event.size_id, event.supplier_id, event.supplier, event.quantity, event.reserved_quantity,
        event.purchase_price, event.gross_purchase_price, event.roi_percentage, event.profit_per_shelf_day,
        event.status, event.detailed_status, event.location, event.purchase_date, event.delivery_date,
        event.created_at, event.updated_at, event.listed_on_platforms
      FROM event
      -- What was written and is as it was is no version.
      WHERE has_month AND event.changed IS DISTINCT FROM '{}'
    )
    INSERT INTO inventory_ops.stock_event_overflow (
      event_id, occurred_at, transaction_id, kind, stock_id, changed, product_id, size_id, supplier_id, supplier,
      quantity, reserved_quantity, purchase_price, gross_purchase_price, roi_percentage, profit_per_shelf_day,
      status, detailed_status, location, purchase_date, delivery_date, created_at, updated_at, listed_on_platforms
    )
    SELECT
      event.event_id, event.occurred_at, event.transaction_id, event.kind, event.stock_id, event.changed,
      event.product_id, event.size_id, event.supplier_id, event.supplier, event.quantity, event.reserved_quantity,
      event.purchase_price, event.gross_purchase_price, event.roi_percentage, event.profit_per_shelf_day,
      event.status, event.detailed_status, event.location, event.purchase_date, event.delivery_date,
      event.created_at, event.updated_at, event.listed_on_platforms
    FROM event
    WHERE NOT has_month AND event.changed IS DISTINCT FROM '{}';

  ELSIF TG_OP = 'INSERT' THEN
    WITH event (
      event_id, occurred_at, transaction_id, kind, stock_id, changed, product_id, size_id, supplier_id, supplier,
      quantity, reserved_quantity, purchase_price, gross_purchase_price, roi_percentage, profit_per_shelf_day,
      status, detailed_status, location, purchase_date, delivery_date, created_at, updated_at, listed_on_platforms
    ) AS (
      SELECT
        nextval('inventory_ops.event_id'),
        moment,
        pg_current_xact_id(),
        'insert',
        became.id,
        NULL::text[],
        became.product_id, became.size_id, became.supplier_id, became.supplier, became.quantity,
        became.reserved_quantity, became.purchase_price, became.gross_purchase_price, became.roi_percentage,
        became.profit_per_shelf_day, became.status, became.detailed_status, became.location, became.purchase_date,
        became.delivery_date, became.created_at, became.updated_at,
        became.listed_on_platforms
      FROM (
        SELECT
          id, product_id, size_id, supplier_id, supplier, quantity, reserved_quantity, purchase_price,
          gross_purchase_price, roi_percentage, profit_per_shelf_day, status, detailed_status, location,
          purchase_date, delivery_date, created_at, updated_at, listed_on_platforms
        FROM after
      ) AS became
    ),
    kept AS (
      INSERT INTO inventory_ops.stock_event (
        event_id, occurred_at, transaction_id, kind, stock_id, changed, product_id, size_id, supplier_id, supplier,
        quantity, reserved_quantity, purchase_price, gross_purchase_price, roi_percentage, profit_per_shelf_day,
        status, detailed_status, location, purchase_date, delivery_date, created_at, updated_at, listed_on_platforms
      )
      SELECT
        event.event_id, event.occurred_at, event.transaction_id, event.kind, event.stock_id, event.changed,
        event.product_id, event.size_id, event.supplier_id, event.supplier, event.quantity, event.reserved_quantity,
        event.purchase_price, event.gross_purchase_price, event.roi_percentage, event.profit_per_shelf_day,
        event.status, event.detailed_status, event.location, event.purchase_date, event.delivery_date,
        event.created_at, event.updated_at, event.listed_on_platforms
      FROM event
      WHERE has_month
    )
    INSERT INTO inventory_ops.stock_event_overflow (
      event_id, occurred_at, transaction_id, kind, stock_id, changed, product_id, size_id, supplier_id, supplier,
      quantity, reserved_quantity, purchase_price, gross_purchase_price, roi_percentage, profit_per_shelf_day,
      status, detailed_status, location, purchase_date, delivery_date, created_at, updated_at, listed_on_platforms
    )
    SELECT
      event.event_id, event.occurred_at, event.transaction_id, event.kind, event.stock_id, event.changed,
      event.product_id, event.size_id, event.supplier_id, event.supplier, event.quantity, event.reserved_quantity,
      event.purchase_price, event.gross_purchase_price, event.roi_percentage, event.profit_per_shelf_day,
      event.status, event.detailed_status, event.location, event.purchase_date, event.delivery_date,
      event.created_at, event.updated_at, event.listed_on_platforms
    FROM event
    WHERE NOT has_month;

  ELSIF TG_OP = 'DELETE' AND has_month THEN
    INSERT INTO inventory_ops.stock_event (occurred_at, transaction_id, kind, stock_id)
    SELECT moment, pg_current_xact_id(), 'delete', gone.id FROM (SELECT before.id FROM before) AS gone;

  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO inventory_ops.stock_event_overflow (occurred_at, transaction_id, kind, stock_id)
    SELECT moment, pg_current_xact_id(), 'delete', gone.id FROM (SELECT before.id FROM before) AS gone;

  ELSIF has_month THEN
    INSERT INTO inventory_ops.stock_event (occurred_at, transaction_id, kind)
    VALUES (moment, pg_current_xact_id(), 'truncate');

  ELSE
    INSERT INTO inventory_ops.stock_event_overflow (occurred_at, transaction_id, kind)
    VALUES (moment, pg_current_xact_id(), 'truncate');
  END IF;

  IF own_from IS NULL OR TG_OP = 'TRUNCATE' THEN
    RETURN NULL;
  END IF;

  nested_from := nullif(current_setting('soleflip.nested_event', true), '');
  IF nested_from IS NULL THEN
    PERFORM set_config('soleflip.nested_event', own_from::text, true);
    RETURN NULL;
  ELSIF TG_OP = 'DELETE' THEN
    rewritten := ARRAY(SELECT before.id FROM before JOIN inventory.stock AS now ON now.id = before.id);
  ELSE
    rewritten := ARRAY(
      SELECT after.id
      FROM after
      LEFT JOIN inventory.stock AS now ON now.id = after.id
      WHERE now.id IS NULL OR record_image_ne(now.*, after.*)
    );
  END IF;
  PERFORM inventory_ops.log_nested_last('inventory_ops.stock_event', 'stock_id', nested_from, own_from, rewritten);
  RETURN NULL;
END
$function$;

-- What each row is in the snapshot of the transaction that asks, which is the moment of the triggers.
CREATE OR REPLACE FUNCTION inventory_ops.log_baseline_of_stock(begun_at timestamptz, first_event bigint)
RETURNS bigint
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
DECLARE
  written bigint;
  product_id uuid;
  size_id uuid;
  supplier_id uuid;
  supplier varchar;
  quantity integer;
  reserved_quantity integer;
  purchase_price numeric;
  gross_purchase_price numeric;
  roi_percentage numeric;
  profit_per_shelf_day numeric;
  status varchar;
  detailed_status text;
  location varchar;
  purchase_date timestamptz;
  delivery_date timestamptz;
  created_at timestamptz;
  updated_at timestamptz;
  listed_on_platforms jsonb;
BEGIN
  INSERT INTO inventory_ops.stock_event (
    event_id, occurred_at, transaction_id, kind, stock_id, changed, product_id, size_id, supplier_id, supplier,
    quantity, reserved_quantity, purchase_price, gross_purchase_price, roi_percentage, profit_per_shelf_day,
    status, detailed_status, location, purchase_date, delivery_date, created_at, updated_at, listed_on_platforms
  )
  SELECT
    first_event + row_number() OVER (),
    begun_at,
    pg_current_xact_id(),
    'baseline',
    looked.id,
    NULL::text[],
    looked.product_id, looked.size_id, looked.supplier_id, looked.supplier, looked.quantity,
    looked.reserved_quantity, looked.purchase_price, looked.gross_purchase_price, looked.roi_percentage,
    looked.profit_per_shelf_day, looked.status, looked.detailed_status, looked.location, looked.purchase_date,
    looked.delivery_date, looked.created_at, looked.updated_at,
    looked.listed_on_platforms
  FROM (
    SELECT
      id, product_id, size_id, supplier_id, supplier, quantity, reserved_quantity, purchase_price,
      gross_purchase_price, roi_percentage, profit_per_shelf_day, status, detailed_status, location, purchase_date,
      delivery_date, created_at, updated_at, listed_on_platforms
    FROM inventory.stock
  ) AS looked;
  GET DIAGNOSTICS written = ROW_COUNT;
  RETURN written;
END
$function$;

-- What the triggers of inventory.stock_reservation do.
CREATE OR REPLACE FUNCTION inventory_ops.log_reservations()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
DECLARE
  moment timestamptz := clock_timestamp();
  -- Whether the moment has a partition that nobody is detaching.
  has_month boolean := coalesce(
    pg_partition_root(to_regclass('inventory_ops.reservation_event' || to_char(moment AT TIME ZONE 'UTC', '"_"YYYYMM')))
      = 'inventory_ops.reservation_event'::regclass,
    false
  );
  -- The number from which on this statement's events are counted, where a trigger writes to a logged table, or has
  -- done so in this transaction: its writes are logged before what set it off.
  own_from bigint := CASE
    WHEN pg_trigger_depth() > 1 OR current_setting('soleflip.nested_event', true) <> ''
    THEN nextval('inventory_ops.event_id')
  END;
  nested_from bigint;
  rewritten uuid[];
  stock_id uuid;
  reserved_quantity integer;
  status varchar;
  reserved_until timestamptz;
  reservation_reason text;
  created_at timestamptz;
  updated_at timestamptz;
  reserved_by varchar;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    -- By id, not by row: where a primary key was changed, one row is gone and another one has come.
    WITH event (
      event_id, occurred_at, transaction_id, kind, reservation_id, stock_id, changed, reserved_quantity, status,
      reserved_until, reservation_reason, created_at, updated_at
    ) AS (
      SELECT
        nextval('inventory_ops.event_id'),
        moment,
        pg_current_xact_id(),
        CASE WHEN was.id IS NULL THEN 'insert' WHEN became.id IS NULL THEN 'delete' ELSE 'update' END,
        coalesce(was.id, became.id),
        coalesce(became.stock_id, was.stock_id),
        CASE WHEN was.id = became.id THEN
          array_remove(ARRAY[
            CASE WHEN became.stock_id IS DISTINCT FROM was.stock_id THEN 'stock_id' END,
            CASE WHEN became.reserved_quantity IS DISTINCT FROM was.reserved_quantity THEN 'reserved_quantity' END,
            CASE WHEN became.status IS DISTINCT FROM was.status THEN 'status' END,
            CASE WHEN became.reserved_until IS DISTINCT FROM was.reserved_until THEN 'reserved_until' END,
            CASE WHEN became.reservation_reason IS DISTINCT FROM was.reservation_reason THEN 'reservation_reason' END,
            CASE WHEN became.created_at IS DISTINCT FROM was.created_at THEN 'created_at' END,
            CASE WHEN became.updated_at IS DISTINCT FROM was.updated_at THEN 'updated_at' END,
            CASE WHEN became.reserved_by IS DISTINCT FROM was.reserved_by THEN 'reserved_by' END
          ], NULL) || inventory_ops.log_differing(inventory_ops.more_columns_of_reservations(), was.more, became.more)
        END,
        became.reserved_quantity, became.status, became.reserved_until, became.reservation_reason, became.created_at,
        became.updated_at
      FROM (
        SELECT
          id, stock_id, reserved_quantity, status, reserved_until, reservation_reason, created_at, updated_at,
          reserved_by,
          CASE WHEN inventory_ops.more_columns_of_reservations() <> '{}' THEN to_jsonb(before.*) END AS more
        FROM before
      ) AS was
      FULL JOIN (
        SELECT
          id, stock_id, reserved_quantity, status, reserved_until, reservation_reason, created_at, updated_at,
          reserved_by,
          CASE WHEN inventory_ops.more_columns_of_reservations() <> '{}' THEN to_jsonb(after.*) END AS more
        FROM after
      ) AS became ON became.id = was.id
    ),
    kept AS (
      INSERT INTO inventory_ops.reservation_event (
        event_id, occurred_at, transaction_id, kind, reservation_id, stock_id, changed, reserved_quantity, status,
        reserved_until, reservation_reason, created_at, updated_at
      )
      SELECT
        event.event_id, event.occurred_at, event.transaction_id, event.kind, event.reservation_id, event.stock_id,
        event.changed, event.reserved_quantity, event.status, event.reserved_until, event.reservation_reason,
        event.created_at, event.updated_at
      FROM event
      -- What was written and is as it was is no version.
      WHERE has_month AND event.changed IS DISTINCT FROM '{}'
    )
    INSERT INTO inventory_ops.reservation_event_overflow (
      event_id, occurred_at, transaction_id, kind, reservation_id, stock_id, changed, reserved_quantity, status,
      reserved_until, reservation_reason, created_at, updated_at
    )
    SELECT
      event.event_id, event.occurred_at, event.transaction_id, event.kind, event.reservation_id, event.stock_id,
      event.changed, event.reserved_quantity, event.status, event.reserved_until, event.reservation_reason,
      event.created_at, event.updated_at
    FROM event
    WHERE NOT has_month AND event.changed IS DISTINCT FROM '{}';

  ELSIF TG_OP = 'INSERT' THEN
    WITH event (
      event_id, occurred_at, transaction_id, kind, reservation_id, stock_id, changed, reserved_quantity, status,
      reserved_until, reservation_reason, created_at, updated_at
    ) AS (
      SELECT
        nextval('inventory_ops.event_id'),
        moment,
        pg_current_xact_id(),
        'insert',
        became.id,
        became.stock_id,
        NULL::text[],
        became.reserved_quantity, became.status, became.reserved_until, became.reservation_reason, became.created_at,
        became.updated_at
      FROM (
        SELECT
          id, stock_id, reserved_quantity, status, reserved_until, reservation_reason, created_at, updated_at
        FROM after
      ) AS became
    ),
    kept AS (
      INSERT INTO inventory_ops.reservation_event (
        event_id, occurred_at, transaction_id, kind, reservation_id, stock_id, changed, reserved_quantity, status,
        reserved_until, reservation_reason, created_at, updated_at
      )
      SELECT
        event.event_id, event.occurred_at, event.transaction_id, event.kind, event.reservation_id, event.stock_id,
        event.changed, event.reserved_quantity, event.status, event.reserved_until, event.reservation_reason,
        event.created_at, event.updated_at
      FROM event
      WHERE has_month
    )
    INSERT INTO inventory_ops.reservation_event_overflow (
      event_id, occurred_at, transaction_id, kind, reservation_id, stock_id, changed, reserved_quantity, status,
      reserved_until, reservation_reason, created_at, updated_at
    )
    SELECT
      event.event_id, event.occurred_at, event.transaction_id, event.kind, event.reservation_id, event.stock_id,
      event.changed, event.reserved_quantity, event.status, event.reserved_until, event.reservation_reason,
      event.created_at, event.updated_at
    FROM event
    WHERE NOT has_month;

  ELSIF TG_OP = 'DELETE' AND has_month THEN
    INSERT INTO inventory_ops.reservation_event (occurred_at, transaction_id, kind, reservation_id, stock_id)
    SELECT moment, pg_current_xact_id(), 'delete', gone.id, gone.stock_id
    FROM (SELECT before.id, before.stock_id FROM before) AS gone;

  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO inventory_ops.reservation_event_overflow (occurred_at, transaction_id, kind, reservation_id, stock_id)
    SELECT moment, pg_current_xact_id(), 'delete', gone.id, gone.stock_id
    FROM (SELECT before.id, before.stock_id FROM before) AS gone;

  ELSIF has_month THEN
    INSERT INTO inventory_ops.reservation_event (occurred_at, transaction_id, kind)
    VALUES (moment, pg_current_xact_id(), 'truncate');

  ELSE
    INSERT INTO inventory_ops.reservation_event_overflow (occurred_at, transaction_id, kind)
    VALUES (moment, pg_current_xact_id(), 'truncate');
  END IF;

  IF own_from IS NULL OR TG_OP = 'TRUNCATE' THEN
    RETURN NULL;
  END IF;

  nested_from := nullif(current_setting('soleflip.nested_event', true), '');
  IF nested_from IS NULL THEN
    PERFORM set_config('soleflip.nested_event', own_from::text, true);
    RETURN NULL;
  ELSIF TG_OP = 'DELETE' THEN
    rewritten := ARRAY(SELECT before.id FROM before JOIN inventory.stock_reservation AS now ON now.id = before.id);
  ELSE
    rewritten := ARRAY(
      SELECT after.id
      FROM after
      LEFT JOIN inventory.stock_reservation AS now ON now.id = after.id
      WHERE now.id IS NULL OR record_image_ne(now.*, after.*)
    );
  END IF;
  PERFORM inventory_ops.log_nested_last('inventory_ops.reservation_event', 'reservation_id', nested_from, own_from, rewritten);
  RETURN NULL;
END
$function$;

CREATE OR REPLACE FUNCTION inventory_ops.log_baseline_of_reservations(begun_at timestamptz, first_event bigint)
RETURNS bigint
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
DECLARE
  written bigint;
  stock_id uuid;
  reserved_quantity integer;
  status varchar;
  reserved_until timestamptz;
  reservation_reason text;
  created_at timestamptz;
  updated_at timestamptz;
BEGIN
  INSERT INTO inventory_ops.reservation_event (
    event_id, occurred_at, transaction_id, kind, reservation_id, stock_id, changed, reserved_quantity, status,
    reserved_until, reservation_reason, created_at, updated_at
  )
  SELECT
    first_event + row_number() OVER (),
    begun_at,
    pg_current_xact_id(),
    'baseline',
    looked.id,
    looked.stock_id,
    NULL::text[],
    looked.reserved_quantity, looked.status, looked.reserved_until, looked.reservation_reason, looked.created_at,
    looked.updated_at
  FROM (
    SELECT
      id, stock_id, reserved_quantity, status, reserved_until, reservation_reason, created_at, updated_at
    FROM inventory.stock_reservation
  ) AS looked;
  GET DIAGNOSTICS written = ROW_COUNT;
  RETURN written;
END
$function$;

-- An event keeps its number and its transaction: who reads from snapshot to snapshot sees it once.
CREATE OR REPLACE FUNCTION inventory_ops.move_overflow(batch integer)
RETURNS bigint
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  log text;
  columns text;
  moved bigint;
  total bigint := 0;
BEGIN
  FOREACH log IN ARRAY ARRAY['inventory_ops.stock_event', 'inventory_ops.reservation_event'] LOOP
    -- By name: that the two have their columns in one order is nobody's promise.
    SELECT string_agg(quote_ident(pg_attribute.attname), ', ') INTO columns
    FROM pg_attribute
    WHERE pg_attribute.attrelid = log::regclass AND pg_attribute.attnum > 0 AND NOT pg_attribute.attisdropped;
    EXECUTE format(
      $statement$
      WITH chosen AS (
        SELECT waiting.event_id
        FROM %1$s_overflow AS waiting
        WHERE pg_partition_root(to_regclass(%2$L || to_char(waiting.occurred_at AT TIME ZONE 'UTC', '"_"YYYYMM')))
          = %2$L::regclass
        ORDER BY waiting.event_id
        LIMIT $1
        FOR UPDATE SKIP LOCKED
      ),
      moved AS (
        DELETE FROM %1$s_overflow AS waiting
        USING chosen
        WHERE waiting.event_id = chosen.event_id
        RETURNING %4$s
      )
      INSERT INTO %1$s (%3$s) SELECT %3$s FROM moved
      $statement$,
      log, log, columns, replace('waiting.' || columns, ', ', ', waiting.')
    ) USING batch;
    GET DIAGNOSTICS moved = ROW_COUNT;
    total := total + moved;
  END LOOP;
  RETURN total;
END
$function$;

COMMENT ON FUNCTION inventory_ops.move_overflow(integer) IS
  'Moves up to so many events of each overflow into their months, where these are there by now; gives their number';

-- What the log says last of each row, beside what the row is. A row without an event is missing, unless months have
-- left the log. Without the listings, of which most events say nothing.
CREATE OR REPLACE FUNCTION inventory_ops.log_differences(
  OUT compared bigint, OUT missing bigint, OUT wrong bigint, OUT phantom bigint, OUT examples text[]
)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
DECLARE
  product_id uuid;
  size_id uuid;
  supplier_id uuid;
  supplier varchar;
  quantity integer;
  reserved_quantity integer;
  purchase_price numeric;
  gross_purchase_price numeric;
  roi_percentage numeric;
  profit_per_shelf_day numeric;
  status varchar;
  detailed_status text;
  location varchar;
  purchase_date timestamptz;
  delivery_date timestamptz;
  created_at timestamptz;
  updated_at timestamptz;
BEGIN
  -- Whoever is truncating is waited for: TRUNCATE is seen by snapshots that are older than itself, its event is not.
  LOCK TABLE inventory.stock IN ACCESS SHARE MODE;

  WITH event AS (
    SELECT
      logged.event_id, logged.kind, logged.stock_id, logged.product_id, logged.size_id, logged.supplier_id,
      logged.supplier, logged.quantity, logged.reserved_quantity, logged.purchase_price,
      logged.gross_purchase_price, logged.roi_percentage, logged.profit_per_shelf_day, logged.status,
      logged.detailed_status, logged.location, logged.purchase_date, logged.delivery_date, logged.created_at,
      logged.updated_at
    FROM inventory_ops.stock_event AS logged
    UNION ALL
    SELECT
      logged.event_id, logged.kind, logged.stock_id, logged.product_id, logged.size_id, logged.supplier_id,
      logged.supplier, logged.quantity, logged.reserved_quantity, logged.purchase_price,
      logged.gross_purchase_price, logged.roi_percentage, logged.profit_per_shelf_day, logged.status,
      logged.detailed_status, logged.location, logged.purchase_date, logged.delivery_date, logged.created_at,
      logged.updated_at
    FROM inventory_ops.stock_event_overflow AS logged
  ),
  emptied AS (
    SELECT coalesce(max(event.event_id), -1) AS event_id FROM event WHERE event.kind = 'truncate'
  ),
  newest AS (
    SELECT event.stock_id, max(event.event_id) AS event_id
    FROM event
    CROSS JOIN emptied
    WHERE event.stock_id IS NOT NULL AND event.event_id > emptied.event_id
    GROUP BY event.stock_id
  ),
  said AS (
    SELECT
      event.event_id, event.kind, event.stock_id, event.product_id, event.size_id, event.supplier_id,
      event.supplier, event.quantity, event.reserved_quantity, event.purchase_price, event.gross_purchase_price,
      event.roi_percentage, event.profit_per_shelf_day, event.status, event.detailed_status, event.location,
      event.purchase_date, event.delivery_date, event.created_at, event.updated_at
    FROM newest
    JOIN event ON event.event_id = newest.event_id AND event.stock_id = newest.stock_id
  ),
  row_now AS (
    SELECT
      id, product_id, size_id, supplier_id, supplier, quantity, reserved_quantity, purchase_price,
      gross_purchase_price, roi_percentage, profit_per_shelf_day, status, detailed_status::text AS detailed_status,
      location, purchase_date, delivery_date, created_at, updated_at
    FROM inventory.stock
  ),
  judged AS (
    SELECT
      coalesce(row_now.id, said.stock_id) AS id,
      CASE
        WHEN row_now.id IS NULL AND said.kind <> 'delete' THEN 'phantom'
        WHEN row_now.id IS NOT NULL AND said.stock_id IS NULL THEN 'missing'
        WHEN row_now.id IS NOT NULL AND (
          said.kind = 'delete'
          OR (
            row_now.product_id, row_now.size_id, row_now.supplier_id, row_now.supplier, row_now.quantity,
            row_now.reserved_quantity, row_now.purchase_price, row_now.gross_purchase_price, row_now.roi_percentage,
            row_now.profit_per_shelf_day, row_now.status, row_now.detailed_status, row_now.location,
            row_now.purchase_date, row_now.delivery_date, row_now.created_at, row_now.updated_at
          ) IS DISTINCT FROM (
            said.product_id, said.size_id, said.supplier_id, said.supplier, said.quantity,
            said.reserved_quantity, said.purchase_price, said.gross_purchase_price, said.roi_percentage,
            said.profit_per_shelf_day, said.status, said.detailed_status, said.location,
            said.purchase_date, said.delivery_date, said.created_at, said.updated_at
          )
        ) THEN 'wrong'
      END AS fault
    FROM row_now
    FULL JOIN said ON said.stock_id = row_now.id
  ),
  counted AS (
    SELECT judged.id, judged.fault
    FROM judged
    WHERE judged.fault IN ('wrong', 'phantom')
      OR (
        judged.fault = 'missing'
        AND NOT EXISTS (
          SELECT FROM inventory_ops.archived_month
          WHERE archived_month.relation = 'inventory_ops.stock_event' AND archived_month.dropped_at IS NOT NULL
        )
      )
  )
  SELECT
    (SELECT count(*) FROM judged),
    count(*) FILTER (WHERE counted.fault = 'missing'),
    count(*) FILTER (WHERE counted.fault = 'wrong'),
    count(*) FILTER (WHERE counted.fault = 'phantom'),
    (array_agg(counted.id::text ORDER BY counted.id))[1:5]
  INTO compared, missing, wrong, phantom, examples
  FROM counted;
END
$function$;

COMMENT ON FUNCTION inventory_ops.log_differences() IS
  'Compares the last version of each row in the log with inventory.stock, and counts where they differ';

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA inventory_ops FROM PUBLIC;
