-- The reserved quantity of each stock row is the sum of its active reservations.
--
-- It speaks only where the ledger is used: an application that reserves in stock.reserved_quantity alone leaves no row in
-- stock_reservation, of whatever status. With the first row that there ever was, every unit has to be in it.
--
-- Less than nothing reserved is records_with_reservations' to find; idx_stock_reserved holds all others.
--
-- Asset: inventory/stock
-- Locks: ACCESS SHARE on stock and stock_reservation for the length of the query.
-- Means: Units are held that nobody reserved, or promised without being held: somebody wrote one side only.

WITH used AS (
  SELECT EXISTS (SELECT FROM inventory.stock_reservation) AS ledger
),
active AS (
  SELECT reservation.stock_id, sum(reservation.reserved_quantity) AS units
  FROM inventory.stock_reservation AS reservation
  WHERE reservation.status = 'active'
  GROUP BY reservation.stock_id
),
compared AS (
  SELECT
    coalesce(stock.id, active.stock_id) AS stock_id,
    coalesce(stock.reserved_quantity, 0) AS held,
    coalesce(active.units, 0) AS reserved
  FROM (SELECT s.id, s.reserved_quantity FROM inventory.stock AS s WHERE s.reserved_quantity > 0) AS stock
  FULL JOIN active ON active.stock_id = stock.id
)
SELECT
  count(*) FILTER (WHERE compared.held <> compared.reserved) = 0 OR NOT (SELECT used.ledger FROM used) AS passed,
  'ERROR' AS severity,
  (SELECT used.ledger FROM used) AS ledger_is_used,
  count(*) AS records_with_reservations,
  coalesce(sum(compared.held), 0) AS units_held,
  coalesce(sum(compared.reserved), 0) AS units_reserved,
  count(*) FILTER (WHERE compared.held > compared.reserved) AS held_too_many,
  count(*) FILTER (WHERE compared.held < compared.reserved) AS held_too_few,
  (
    array_agg(compared.stock_id::text ORDER BY compared.stock_id)
    FILTER (WHERE compared.held <> compared.reserved)
  )[1:5] AS examples
FROM compared;
