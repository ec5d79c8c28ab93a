-- What is listed on one platform: the seed's "JSONB platform query", which it names but does not spell out.
--
-- Index: idx_stock_listed_platforms
-- Locks: ACCESS SHARE on stock.

SELECT s.id, s.product_id, s.listed_on_platforms
FROM inventory.stock s
WHERE s.listed_on_platforms @> '[{"platform": "stockx"}]'
LIMIT 10;
