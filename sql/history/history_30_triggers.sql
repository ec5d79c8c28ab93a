-- The triggers that write the log: from here on each write to stock and to a reservation leaves its versions there.
--
-- An installation makes those of a table in one transaction, in which it also takes the snapshot of the baseline: at
-- that moment nobody is writing, so what is there then has a baseline, and what comes then has events.
--
-- Locks: SHARE ROW EXCLUSIVE on either table for an instant, waiting for whoever is writing.
-- Again: safe.

CREATE OR REPLACE TRIGGER soleflip_log_insert
AFTER INSERT ON inventory.stock
REFERENCING NEW TABLE AS after
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.log_stock();

CREATE OR REPLACE TRIGGER soleflip_log_update
AFTER UPDATE ON inventory.stock
REFERENCING OLD TABLE AS before NEW TABLE AS after
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.log_stock();

CREATE OR REPLACE TRIGGER soleflip_log_delete
AFTER DELETE ON inventory.stock
REFERENCING OLD TABLE AS before
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.log_stock();

CREATE OR REPLACE TRIGGER soleflip_log_truncate
AFTER TRUNCATE ON inventory.stock
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.log_stock();

CREATE OR REPLACE TRIGGER soleflip_log_insert
AFTER INSERT ON inventory.stock_reservation
REFERENCING NEW TABLE AS after
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.log_reservations();

CREATE OR REPLACE TRIGGER soleflip_log_update
AFTER UPDATE ON inventory.stock_reservation
REFERENCING OLD TABLE AS before NEW TABLE AS after
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.log_reservations();

CREATE OR REPLACE TRIGGER soleflip_log_delete
AFTER DELETE ON inventory.stock_reservation
REFERENCING OLD TABLE AS before
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.log_reservations();

CREATE OR REPLACE TRIGGER soleflip_log_truncate
AFTER TRUNCATE ON inventory.stock_reservation
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.log_reservations();
