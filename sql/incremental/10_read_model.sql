-- The read model: a table of metrics, and the functions that keep it equal to what its query gives.
--
-- Locks: none that anyone could wait for: everything here is new, or replaced in an instant.
-- Again: safe.

-- A third of each page is left free: a changed row finds room beside itself, and a page that is touched first after a
-- checkpoint is logged without what is free of it. With a tenth, 1,000 changes of a million rows logged 17 MB right
-- after a checkpoint; so it is 14, for a third more room.
CREATE TABLE IF NOT EXISTS inventory_ops.stock_metrics_read_model (
  stock_id uuid NOT NULL,
  -- As stock has them.
  -- squawk-ignore prefer-bigint-over-int
  total_quantity integer,
  -- squawk-ignore prefer-bigint-over-int
  available_quantity integer,
  -- squawk-ignore prefer-bigint-over-int
  reserved_quantity integer,
  total_cost numeric(10, 2),
  expected_profit numeric,
  created_at timestamptz,
  updated_at timestamptz
) WITH (fillfactor = 66);

-- The shop may let a quantity or a date be NULL: one such row must not fail the refresh of all. By itself: the table may be there.
ALTER TABLE inventory_ops.stock_metrics_read_model
  -- squawk-ignore ban-drop-not-null
  ALTER COLUMN total_quantity DROP NOT NULL,
  -- squawk-ignore ban-drop-not-null
  ALTER COLUMN available_quantity DROP NOT NULL,
  -- squawk-ignore ban-drop-not-null
  ALTER COLUMN created_at DROP NOT NULL,
  -- squawk-ignore ban-drop-not-null
  ALTER COLUMN updated_at DROP NOT NULL;

-- Where everything is published for logical replication, a table without a key refuses UPDATE and DELETE.
DO $$
BEGIN
  IF (SELECT relreplident FROM pg_class WHERE oid = 'inventory_ops.stock_metrics_read_model'::regclass) <> 'f' THEN
    ALTER TABLE inventory_ops.stock_metrics_read_model REPLICA IDENTITY FULL;
  END IF;
END
$$;

COMMENT ON TABLE inventory_ops.stock_metrics_read_model IS
  'Computed metrics of every stock row as of the last refresh; read it through inventory.stock_metrics_view';

CREATE TABLE IF NOT EXISTS inventory_ops.stock_metrics_refreshed (
  -- squawk-ignore prefer-bigint-over-smallint
  id smallint PRIMARY KEY CHECK (id = 1),
  last_calculated_at timestamptz NOT NULL
);

COMMENT ON TABLE inventory_ops.stock_metrics_refreshed IS 'One row: when the last refresh of the read model began';

-- The query of sql/phase2/81_stock_metrics_view.sql, without the time of the refresh.
CREATE OR REPLACE VIEW inventory_ops.stock_metrics_now AS
SELECT
  s.id AS stock_id,
  s.quantity AS total_quantity,
  s.quantity - coalesce(s.reserved_quantity, 0) AS available_quantity,
  s.reserved_quantity,
  s.gross_purchase_price AS total_cost,
  CASE
    WHEN s.roi_percentage IS NOT NULL AND s.roi_percentage > 0
    THEN s.gross_purchase_price * (s.roi_percentage / 100)
    ELSE NULL
  END AS expected_profit,
  s.created_at,
  s.updated_at
FROM inventory.stock AS s;

COMMENT ON VIEW inventory_ops.stock_metrics_now IS 'What the metrics of every stock row are at this moment';

-- All that is queued, in one statement and therefore in one snapshot. An entry that it sees was committed, and with
-- it the change, which it therefore sees, too; the change of an entry that it does not see yet is left for the next
-- drain, together with its entry. All of it is one batch. Several would each have a snapshot of their own, and what was
-- moved from one stock row to another would be seen twice or not at all by readers of the view; nor does a long queue
-- need them: what does not fit into work_mem goes to temporary files.
--
-- The one entry of a stock row says what the row became, so stock need not be read: reading 1,000 of a million rows
-- took as long as writing their metrics, and after a checkpoint wrote as much to the log, since who reads a row first
-- marks it as committed. Of several entries none says which is the last: a trigger that writes the row again queues
-- before the statement that set it off. Then, and where the entry says nothing, stock is asked.
--
-- Only for who holds the lock that inventory.refresh_stock_metrics() takes: with two at it, the one that looked first
-- could write last.
CREATE OR REPLACE FUNCTION inventory_ops.drain_stock_changes(begun timestamptz)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
-- Ids in, rows by index out: the cost follows the changes, whatever the planner believes of an ever-changing queue.
SET enable_hashjoin = off
SET enable_mergejoin = off
-- It believes that all rows may change, and would compile for them: that takes longer than the drain itself.
SET jit = off
AS $function$
BEGIN
  -- TRUNCATE is seen by snapshots that are older than itself; the entry that announces it is not. So whoever is
  -- truncating is waited for first.
  LOCK TABLE inventory.stock IN ACCESS SHARE MODE;

  INSERT INTO inventory_ops.stock_metrics_refreshed AS refreshed (id, last_calculated_at)
  VALUES (1, begun)
  ON CONFLICT (id) DO UPDATE SET last_calculated_at = excluded.last_calculated_at;

  -- To plan the statement takes longer than to find out that it is not needed.
  IF NOT EXISTS (SELECT FROM inventory_ops.stock_change) THEN
    RETURN;
  END IF;

  WITH drained AS (
    DELETE FROM inventory_ops.stock_change AS change
    RETURNING
      change.stock_id,
      change.quantity,
      change.reserved_quantity,
      change.gross_purchase_price,
      change.roi_percentage,
      change.created_at,
      change.updated_at
  ),
  truncation AS (
    SELECT EXISTS (SELECT FROM drained WHERE drained.stock_id IS NULL) AS happened
  ),
  changed AS (
    SELECT
      drained.stock_id,
      count(*) = 1 AND count(drained.quantity) = 1 AND NOT truncation.happened AS is_told,
      -- Of one entry: its own.
      min(drained.quantity) AS quantity,
      min(drained.reserved_quantity) AS reserved_quantity,
      min(drained.gross_purchase_price) AS gross_purchase_price,
      min(drained.roi_percentage) AS roi_percentage,
      min(drained.created_at) AS created_at,
      min(drained.updated_at) AS updated_at
    FROM drained
    CROSS JOIN truncation
    WHERE drained.stock_id IS NOT NULL
    GROUP BY drained.stock_id, truncation.happened
  ),
  asked AS (
    SELECT changed.stock_id
    FROM changed
    WHERE NOT changed.is_told
    UNION
    -- After a truncation any row may be gone.
    SELECT kept.stock_id
    FROM inventory_ops.stock_metrics_read_model AS kept
    WHERE (SELECT truncation.happened FROM truncation)
  )
  MERGE INTO inventory_ops.stock_metrics_read_model AS model
  USING (
    -- As inventory_ops.stock_metrics_now computes them: a function for both, with its search_path fixed, would be
    -- called for each row and not be inlined.
    SELECT
      changed.stock_id,
      false AS is_gone,
      changed.quantity AS total_quantity,
      changed.quantity - coalesce(changed.reserved_quantity, 0) AS available_quantity,
      changed.reserved_quantity,
      changed.gross_purchase_price AS total_cost,
      CASE
        WHEN changed.roi_percentage > 0 THEN changed.gross_purchase_price * (changed.roi_percentage / 100)
      END AS expected_profit,
      changed.created_at,
      changed.updated_at
    FROM changed
    WHERE changed.is_told
    UNION ALL
    SELECT
      asked.stock_id,
      metrics.stock_id IS NULL AS is_gone,
      metrics.total_quantity,
      metrics.available_quantity,
      metrics.reserved_quantity,
      metrics.total_cost,
      metrics.expected_profit,
      metrics.created_at,
      metrics.updated_at
    FROM asked
    LEFT JOIN inventory_ops.stock_metrics_now AS metrics ON metrics.stock_id = asked.stock_id
  ) AS fresh
  ON model.stock_id = fresh.stock_id
  WHEN MATCHED AND fresh.is_gone THEN DELETE
  WHEN MATCHED AND (
    model.total_quantity,
    model.available_quantity,
    model.reserved_quantity,
    model.total_cost,
    model.expected_profit,
    model.created_at,
    model.updated_at
  ) IS DISTINCT FROM (
    fresh.total_quantity,
    fresh.available_quantity,
    fresh.reserved_quantity,
    fresh.total_cost,
    fresh.expected_profit,
    fresh.created_at,
    fresh.updated_at
  ) THEN
    UPDATE SET
      total_quantity = fresh.total_quantity,
      available_quantity = fresh.available_quantity,
      reserved_quantity = fresh.reserved_quantity,
      total_cost = fresh.total_cost,
      expected_profit = fresh.expected_profit,
      created_at = fresh.created_at,
      updated_at = fresh.updated_at
  WHEN NOT MATCHED AND NOT fresh.is_gone THEN
    INSERT (
      stock_id,
      total_quantity,
      available_quantity,
      reserved_quantity,
      total_cost,
      expected_profit,
      created_at,
      updated_at
    )
    VALUES (
      fresh.stock_id,
      fresh.total_quantity,
      fresh.available_quantity,
      fresh.reserved_quantity,
      fresh.total_cost,
      fresh.expected_profit,
      fresh.created_at,
      fresh.updated_at
    );
END
$function$;

COMMENT ON FUNCTION inventory_ops.drain_stock_changes(timestamptz) IS
  'Brings the read model up to date with all queued changes; called by inventory.refresh_stock_metrics()';

-- Compared in one snapshot, in which each difference has its entry in the queue, or nothing announced it.
CREATE OR REPLACE FUNCTION inventory_ops.stock_metrics_differences(relation regclass)
RETURNS TABLE (stock_id uuid, difference text, is_announced boolean)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN QUERY EXECUTE format(
    $query$
    WITH differing AS (
      SELECT
        coalesce(metrics.stock_id, kept.stock_id) AS stock_id,
        CASE
          WHEN kept.stock_id IS NULL THEN 'missing'
          WHEN metrics.stock_id IS NULL THEN 'phantom'
          ELSE 'wrong'
        END AS difference
      FROM inventory_ops.stock_metrics_now AS metrics
      FULL JOIN %s AS kept ON kept.stock_id = metrics.stock_id
      WHERE (
        kept.stock_id,
        kept.total_quantity,
        kept.available_quantity,
        kept.reserved_quantity,
        kept.total_cost,
        kept.expected_profit,
        kept.created_at,
        kept.updated_at
      ) IS DISTINCT FROM (
        metrics.stock_id,
        metrics.total_quantity,
        metrics.available_quantity,
        metrics.reserved_quantity,
        metrics.total_cost,
        metrics.expected_profit,
        metrics.created_at,
        metrics.updated_at
      )
    )
    SELECT
      differing.stock_id,
      differing.difference,
      EXISTS (SELECT FROM inventory_ops.stock_change AS change WHERE change.stock_id = differing.stock_id)
      OR (
        differing.difference = 'phantom'
        AND EXISTS (SELECT FROM inventory_ops.stock_change AS change WHERE change.stock_id IS NULL)
      ) AS is_announced
    FROM differing
    $query$,
    relation
  );
END
$function$;

COMMENT ON FUNCTION inventory_ops.stock_metrics_differences(regclass) IS
  'Rows in which a table or view of metrics differs from what its query gives, and whether a change of them is queued';

CREATE OR REPLACE FUNCTION inventory_ops.prove_stock_metrics(relation regclass)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  differing bigint;
BEGIN
  -- Whoever is truncating is waited for, as in the drain.
  LOCK TABLE inventory.stock IN ACCESS SHARE MODE;

  SELECT count(*) FILTER (WHERE NOT found.is_announced) INTO differing
  FROM inventory_ops.stock_metrics_differences(relation) AS found;
  IF differing > 0 THEN
    RAISE EXCEPTION '% differs from what its query gives in % rows', relation, differing
      USING HINT = 'Somebody writes to stock with its triggers switched off: let that end, then try again.';
  END IF;
END
$function$;

COMMENT ON FUNCTION inventory_ops.prove_stock_metrics(regclass) IS
  'Fails unless a table or view of metrics is equal to what its query gives, row for row, but for queued changes';

CREATE OR REPLACE FUNCTION inventory_ops.compare_stock_metrics(
  OUT missing bigint, OUT wrong bigint, OUT phantom bigint, OUT examples text[]
)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  -- Nobody drains meanwhile: a difference whose entry is just being drained would look unannounced.
  PERFORM pg_advisory_xact_lock('inventory_ops.metrics_refresh'::regclass::oid::bigint);
  -- Whoever is truncating is waited for, as in the drain: each row would look like one that nobody announced.
  LOCK TABLE inventory.stock IN ACCESS SHARE MODE;

  -- Every difference is queued, and the drain then asks stock for them. Also those that a trigger announced: what it
  -- said may have been overwritten since, while triggers were bypassed.
  WITH differing AS MATERIALIZED (
    SELECT found.stock_id, found.difference, found.is_announced
    FROM inventory_ops.stock_metrics_differences('inventory_ops.stock_metrics_read_model') AS found
  ),
  queued AS (
    INSERT INTO inventory_ops.stock_change (stock_id)
    SELECT differing.stock_id FROM differing
  ),
  unannounced AS (
    SELECT differing.stock_id, differing.difference FROM differing WHERE NOT differing.is_announced
  )
  SELECT
    count(*) FILTER (WHERE unannounced.difference = 'missing'),
    count(*) FILTER (WHERE unannounced.difference = 'wrong'),
    count(*) FILTER (WHERE unannounced.difference = 'phantom'),
    (array_agg(unannounced.stock_id::text ORDER BY unannounced.stock_id))[1:5]
  INTO missing, wrong, phantom, examples
  FROM unannounced;

  PERFORM inventory.refresh_stock_metrics();

  INSERT INTO inventory_ops.metrics_comparison (missing, wrong, phantom, examples)
  VALUES (missing, wrong, phantom, examples);
END
$function$;

COMMENT ON FUNCTION inventory_ops.compare_stock_metrics() IS
  'Compares the read model with what its query gives, repairs what bypassed triggers left wrong, and records it';

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA inventory_ops FROM PUBLIC;
