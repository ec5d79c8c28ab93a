-- Fast JSONB queries on platform listings.
--
-- Locks: SHARE UPDATE EXCLUSIVE on stock for the length of the build; readers and writers go on.
-- Again: fails if the index exists; the deployment drops an invalid or differing one first.

CREATE INDEX CONCURRENTLY idx_stock_listed_platforms
ON inventory.stock USING GIN (listed_on_platforms)
WHERE listed_on_platforms IS NOT NULL;
