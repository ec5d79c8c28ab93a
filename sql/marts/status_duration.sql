-- How long an item stays in each status.
--
-- Reads: stock_event
-- Grain: status
-- Unknown: a stay that had begun before the log did has no known beginning, and one that goes on has no end: both are
--   counted, neither is measured.
-- Columns: status: the shop's word; stays: times that an item was in it; ended: of these, how many are measured; going_on:
--   how many go on; began_before_log: how many began before the log; median_days: of those measured; mean_days: of those
--   measured.
-- Locks: none; it reads the warehouse.

WITH fact AS (
  SELECT
    stock_event.stock_id AS stock_id,
    stock_event.occurred_at AS occurred_at,
    stock_event.event_id AS event_id,
    stock_event.kind AS kind,
    stock_event.status AS status
  FROM stock_event
  WHERE stock_event.kind IN ('baseline', 'insert', 'delete') OR ',' || stock_event.changed || ',' LIKE '%,status,%'
  UNION ALL
  SELECT DISTINCT
    earlier.stock_id AS stock_id,
    emptied.occurred_at AS occurred_at,
    emptied.event_id AS event_id,
    'delete' AS kind,
    cast(NULL AS varchar(50)) AS status
  FROM stock_event AS emptied
  INNER JOIN stock_event AS earlier ON earlier.occurred_at <= emptied.occurred_at AND earlier.kind <> 'truncate'
  WHERE emptied.kind = 'truncate'
),

compared AS (
  SELECT
    fact.stock_id AS stock_id,
    fact.occurred_at AS occurred_at,
    fact.event_id AS event_id,
    fact.kind AS kind,
    fact.status AS status,
    lag(fact.status) OVER (PARTITION BY fact.stock_id ORDER BY fact.occurred_at, fact.event_id) AS status_before
  FROM fact
),

stay AS (
  SELECT
    compared.status AS status,
    compared.kind AS kind,
    compared.occurred_at AS began_at,
    lead(compared.occurred_at) OVER (
      PARTITION BY compared.stock_id ORDER BY compared.occurred_at, compared.event_id
    ) AS ended_at
  FROM compared
  WHERE compared.status IS DISTINCT FROM compared.status_before
),

measured AS (
  SELECT
    stay.status AS status,
    stay.ended_at AS ended_at,
    stay.kind AS kind,
    CASE
      WHEN stay.kind <> 'baseline' THEN cast(cast(stay.ended_at AS date) - cast(stay.began_at AS date) AS integer)
    END AS days
  FROM stay
  WHERE stay.status IS NOT NULL
)

SELECT
  measured.status AS status,
  count(measured.kind) AS stays,
  count(measured.days) AS ended,
  cast(sum(CASE WHEN measured.ended_at IS NULL THEN 1 ELSE 0 END) AS bigint) AS going_on,
  cast(sum(CASE WHEN measured.kind = 'baseline' THEN 1 ELSE 0 END) AS bigint) AS began_before_log,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY measured.days) AS median_days,
  cast(sum(measured.days) AS double) / nullif(count(measured.days), 0) AS mean_days
FROM measured
GROUP BY measured.status;
