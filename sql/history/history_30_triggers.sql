-- The triggers that write the log: from here on each write to stock and to a reservation leaves its versions there.
--
-- Those of a table in one transaction: a write is logged whatever it does, or not at all; with only some of them a row
-- could have an event, and a later write to it none, and the baseline would take the row for known.
--
-- Locks: SHARE ROW EXCLUSIVE on either table for an instant, waiting for whoever is writing.
-- Again: safe.

BEGIN;

CREATE OR REPLACE TRIGGER soleflip_log_insert
AFTER INSERT ON inventory.stock
REFERENCING NEW TABLE AS after
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.log_inserted_stock();

CREATE OR REPLACE TRIGGER soleflip_log_update
AFTER UPDATE ON inventory.stock
REFERENCING OLD TABLE AS before NEW TABLE AS after
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.log_updated_stock();

CREATE OR REPLACE TRIGGER soleflip_log_delete
AFTER DELETE ON inventory.stock
REFERENCING OLD TABLE AS before
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.log_deleted_stock();

CREATE OR REPLACE TRIGGER soleflip_log_truncate
AFTER TRUNCATE ON inventory.stock
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.log_truncated_stock();

COMMIT;

BEGIN;

CREATE OR REPLACE TRIGGER soleflip_log_insert
AFTER INSERT ON inventory.stock_reservation
REFERENCING NEW TABLE AS after
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.log_inserted_reservations();

CREATE OR REPLACE TRIGGER soleflip_log_update
AFTER UPDATE ON inventory.stock_reservation
REFERENCING OLD TABLE AS before NEW TABLE AS after
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.log_updated_reservations();

CREATE OR REPLACE TRIGGER soleflip_log_delete
AFTER DELETE ON inventory.stock_reservation
REFERENCING OLD TABLE AS before
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.log_deleted_reservations();

CREATE OR REPLACE TRIGGER soleflip_log_truncate
AFTER TRUNCATE ON inventory.stock_reservation
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.log_truncated_reservations();

COMMIT;
