-- What becomes of reservations, by the month in which they were made.
--
-- Reads: reservation_event
-- Grain: month
-- Unknown: a reservation that was there when the log began counts in the month that it says it was made; how long it took
--   is measured only where the log saw it made and ended.
-- Columns: month: first day of the month; made: reservations; activated: of these, that ever held stock; fulfilled: that ended
--   in a sale; released: that were given back; expired: that ran out; still_open: that are pending or active; gone: deleted
--   while open; median_hours: from made to ended; fulfilled_percent: percent of those that ended.
-- Locks: none; it reads the warehouse.

WITH ranked AS (
  SELECT
    reservation_event.reservation_id AS reservation_id,
    reservation_event.kind AS kind,
    reservation_event.status AS status,
    reservation_event.created_at AS created_at,
    reservation_event.occurred_at AS occurred_at,
    reservation_event.event_id AS event_id,
    row_number() OVER (
      PARTITION BY reservation_event.reservation_id
      ORDER BY reservation_event.occurred_at DESC, reservation_event.event_id DESC
    ) AS place
  FROM reservation_event
  WHERE reservation_event.kind <> 'delete' AND reservation_event.kind <> 'truncate'
),

removal AS (
  -- One that was put back under its id may be deleted again.
  SELECT reservation_event.reservation_id AS reservation_id, max(reservation_event.occurred_at) AS occurred_at
  FROM reservation_event
  WHERE reservation_event.kind = 'delete'
  GROUP BY reservation_event.reservation_id
),

emptied AS (
  SELECT max(reservation_event.occurred_at) AS occurred_at, max(reservation_event.event_id) AS event_id
  FROM reservation_event
  WHERE reservation_event.kind = 'truncate'
),

reservation AS (
  SELECT
    ranked.reservation_id AS reservation_id,
    max(CASE WHEN ranked.place = 1 THEN ranked.status END) AS last_status,
    max(CASE WHEN ranked.place = 1 THEN ranked.created_at END) AS created_at,
    max(CASE WHEN ranked.status IN ('active', 'fulfilled') THEN 1 ELSE 0 END) AS activated,
    max(CASE WHEN ranked.kind = 'insert' THEN ranked.occurred_at END) AS made_at,
    min(CASE WHEN ranked.status IN ('fulfilled', 'released', 'expired') THEN ranked.occurred_at END) AS ended_at,
    max(ranked.occurred_at) AS last_at,
    max(CASE WHEN ranked.place = 1 THEN ranked.event_id END) AS last_event
  FROM ranked
  GROUP BY ranked.reservation_id
),

told AS (
  SELECT
    cast(date_trunc('month', cast(reservation.created_at AS date)) AS date) AS month,
    reservation.activated AS activated,
    CASE
      WHEN
        reservation.last_status IN ('pending', 'active')
        AND (
          removal.occurred_at >= reservation.last_at
          OR emptied.occurred_at > reservation.last_at
          -- Where the log begins anew, a baseline follows at the same moment.
          OR (emptied.occurred_at = reservation.last_at AND emptied.event_id > reservation.last_event)
        )
        THEN 'gone'
      ELSE reservation.last_status
    END AS outcome,
    CASE
      WHEN reservation.made_at IS NOT NULL
        THEN
          24 * cast(cast(reservation.ended_at AS date) - cast(reservation.made_at AS date) AS integer)
          + extract(HOUR FROM reservation.ended_at)
          - extract(HOUR FROM reservation.made_at)
    END AS hours
  FROM reservation
  CROSS JOIN emptied
  LEFT JOIN removal ON removal.reservation_id = reservation.reservation_id
)

SELECT
  told.month AS month,
  count(told.outcome) AS made,
  cast(sum(told.activated) AS bigint) AS activated,
  cast(sum(CASE WHEN told.outcome = 'fulfilled' THEN 1 ELSE 0 END) AS bigint) AS fulfilled,
  cast(sum(CASE WHEN told.outcome = 'released' THEN 1 ELSE 0 END) AS bigint) AS released,
  cast(sum(CASE WHEN told.outcome = 'expired' THEN 1 ELSE 0 END) AS bigint) AS expired,
  cast(sum(CASE WHEN told.outcome IN ('pending', 'active') THEN 1 ELSE 0 END) AS bigint) AS still_open,
  cast(sum(CASE WHEN told.outcome = 'gone' THEN 1 ELSE 0 END) AS bigint) AS gone,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY told.hours) AS median_hours,
  cast(sum(CASE WHEN told.outcome = 'fulfilled' THEN 1 ELSE 0 END) AS double) * 100
  / nullif(sum(CASE WHEN told.outcome IN ('fulfilled', 'released', 'expired') THEN 1 ELSE 0 END), 0) AS fulfilled_percent
FROM told
GROUP BY told.month;
