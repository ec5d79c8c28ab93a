-- Two weeks later: the legacy tables are dropped, as the seed wrote it. CASCADE takes the views on them along.
--
-- Locks: ACCESS EXCLUSIVE on the three tables, to the end of the transaction.

-- As it was done, not as it should be.
-- squawk-ignore ban-drop-table
DROP TABLE inventory.stock_financial CASCADE;

-- squawk-ignore ban-drop-table
DROP TABLE inventory.stock_lifecycle CASCADE;

-- squawk-ignore ban-drop-table
DROP TABLE inventory.stock_metrics CASCADE;
