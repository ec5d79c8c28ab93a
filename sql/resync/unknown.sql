-- Which of some ids no stock row has.
--
-- :ids are the ids.
--
-- Locks: ACCESS SHARE on stock for the length of the query.

SELECT asked.id::text AS stock_id
FROM unnest(CAST(:ids AS uuid[])) AS asked (id)
WHERE NOT EXISTS (SELECT FROM inventory.stock WHERE stock.id = asked.id)
ORDER BY asked.id;
