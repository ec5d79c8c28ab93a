-- Each reservation is made once and has one outcome.
--
-- Locks: none; it reads the warehouse.

SELECT
  'reservations' AS what,
  coalesce(sum(reservation_funnel.made), 0) AS found,
  (
    SELECT count(DISTINCT reservation_event.reservation_id)
    FROM reservation_event
    WHERE reservation_event.kind IN ('baseline', 'insert', 'update')
  ) AS expected
FROM reservation_funnel
UNION ALL
SELECT
  'outcomes' AS what,
  coalesce(
    sum(
      reservation_funnel.fulfilled + reservation_funnel.released + reservation_funnel.expired + reservation_funnel.still_open
      + reservation_funnel.gone
    ),
    0
  ) AS found,
  coalesce(sum(reservation_funnel.made), 0) AS expected
FROM reservation_funnel;
