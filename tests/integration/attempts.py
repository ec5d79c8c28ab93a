"""What a login tries that is not its own, and what it may: the table of docs/security.md as statements."""

ITEM = "(SELECT id FROM inventory.stock ORDER BY id LIMIT 1)"

STATEMENTS = {
    # The schema.
    "make a table": "CREATE TABLE inventory.mine ()",
    "make a function": "CREATE FUNCTION inventory.mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "make a schema": "CREATE SCHEMA mine",
    "change a table": "ALTER TABLE inventory.stock ADD mine integer",
    "take a table": "ALTER TABLE inventory.stock OWNER TO CURRENT_USER",
    "make an index": "CREATE INDEX ON inventory.stock (status)",
    "empty a table": "TRUNCATE inventory.stock_reservation",
    "drop the view": "DROP VIEW inventory.stock_metrics_view",
    "drop a legacy table": "DROP TABLE inventory.stock_metrics",
    "switch triggers off": "ALTER TABLE inventory.stock DISABLE TRIGGER USER",
    # With a function that everybody may execute: it is the table that refuses.
    "make a trigger": "CREATE TRIGGER mine BEFORE UPDATE ON inventory.stock FOR EACH ROW"
    " EXECUTE FUNCTION pg_catalog.suppress_redundant_updates_trigger()",
    "make a rule": "CREATE RULE mine AS ON DELETE TO inventory.stock DO INSTEAD NOTHING",
    "make a policy": "CREATE POLICY mine ON inventory.stock USING (false)",
    "hide all rows": "ALTER TABLE inventory.stock ENABLE ROW LEVEL SECURITY",
    "refer to stock": "CREATE TABLE public.mine (id uuid REFERENCES inventory.stock)",
    "change the refresh": "ALTER FUNCTION inventory.refresh_stock_metrics() SECURITY INVOKER",
    "replace a trigger's function": "CREATE OR REPLACE FUNCTION inventory_ops.lifecycle_to_stock()"
    " RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "publish stock": "CREATE PUBLICATION mine FOR TABLE inventory.stock",
    "lock the shop": "LOCK TABLE inventory.stock IN ACCESS EXCLUSIVE MODE",
    # What SoleFlip remembers.
    "write the ledger": "UPDATE inventory_ops.ledger SET reverted_at = now()",
    "forge a ledger entry": "INSERT INTO inventory_ops.ledger (step, checksum, version) VALUES ('', '', '')",
    "write a backup": "DELETE FROM inventory.stock_metrics_backup",
    "record a deletion": f"INSERT INTO inventory_ops.stock_deletion (stock_id) VALUES ({ITEM})",
    "empty the queue": "DELETE FROM inventory_ops.stock_change",
    "write the read model": "UPDATE inventory_ops.stock_metrics_read_model SET available_quantity = 0",
    "backfill": "SELECT inventory_ops.backfill_stock(NULL, 1)",
    "back up": "SELECT inventory_ops.back_up('inventory.stock')",
    "refresh": "SELECT inventory.refresh_stock_metrics()",
    "compare": "SELECT inventory_ops.compare_stock_metrics()",
    "vouch for a validation": "UPDATE inventory_ops.validation SET passed = true",
    "read the ledger": "SELECT step FROM inventory_ops.ledger",
    "write a key": "INSERT INTO inventory_ops.reservation_key VALUES ('', '{}', '{}')",
    "change a key": "UPDATE inventory_ops.reservation_key SET request = '{}'",
    # The shop.
    "read stock": "SELECT id FROM inventory.stock LIMIT 1",
    "read the view": "SELECT stock_id FROM inventory.stock_metrics_view LIMIT 1",
    "read a backup": "SELECT FROM inventory.stock_metrics_backup",
    "add stock": "INSERT INTO inventory.stock (id, product_id, size_id, quantity, status)"
    " VALUES (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, 'in_stock')",
    "remove stock": f"DELETE FROM inventory.stock WHERE id = {ITEM}",
    "change a quantity": f"UPDATE inventory.stock SET quantity = 0 WHERE id = {ITEM}",
    "change a price": f"UPDATE inventory.stock SET purchase_price = 0 WHERE id = {ITEM}",
    "hold": "UPDATE inventory.stock SET reserved_quantity = 0",
    "reserve": f"INSERT INTO inventory.stock_reservation (stock_id, reserved_quantity, status)"
    f" VALUES ({ITEM}, 1, 'active')",
    "lengthen a reservation": "UPDATE inventory.stock_reservation SET reserved_until = now()",
    "write a legacy table": "UPDATE inventory.stock_metrics SET reserved_quantity = 0",
    # The server.
    "make a temporary table": "CREATE TEMPORARY TABLE mine ()",
    "become the owner": "SET ROLE soleflip_owner",
    "join the owners": "GRANT soleflip_owner TO CURRENT_USER",
    "set what the owner finds": "ALTER ROLE soleflip_owner SET search_path = mine",
    "make a role": "CREATE ROLE mine",
    "become a superuser": "ALTER ROLE CURRENT_USER SUPERUSER",
    "become the administrator": "SET ROLE postgres",
    "read passwords": "SELECT rolpassword FROM pg_authid",
    "write past the triggers": "SET session_replication_role = replica",
    "watch all statements": "CREATE EVENT TRIGGER mine ON ddl_command_end"
    " EXECUTE FUNCTION inventory_ops.lifecycle_to_stock()",
    "subscribe": "CREATE SUBSCRIPTION mine CONNECTION '' PUBLICATION p WITH (connect = false)",
    "make an extension": "CREATE EXTENSION pg_stat_statements",
    "load a library": "LOAD 'auto_explain'",
    "read a file": "SELECT pg_read_file('PG_VERSION')",
    "write a file": "COPY (SELECT 1) TO '/tmp/mine'",
    "run a program": "COPY (SELECT 1) TO PROGRAM 'true'",
    "reload the configuration": "SELECT pg_reload_conf()",
}

_NOT_THE_OWNER = ("orchestrator", "application", "reader", "former owner", "stranger")
_ALL = ("owner", *_NOT_THE_OWNER)
_WHO_DOES_NOT_SELL = ("orchestrator", "reader", "stranger")

_BY = {
    _ALL: [
        "make a role",
        "become a superuser",
        "become the administrator",
        "write past the triggers",
        "watch all statements",
        "subscribe",
        "make an extension",
        "load a library",
        "read a file",
        "write a file",
        "run a program",
        "reload the configuration",
    ],
    _NOT_THE_OWNER: [
        *list(STATEMENTS)[: list(STATEMENTS).index("lock the shop")],
        "write the ledger",
        "forge a ledger entry",
        "write a backup",
        "record a deletion",
        "empty the queue",
        "write the read model",
        "backfill",
        "back up",
        "change a key",
        "become the owner",
        "join the owners",
        "set what the owner finds",
        "read passwords",
    ],
    ("application", "reader", "former owner", "stranger"): [
        "refresh",
        "compare",
        "vouch for a validation",
        "make a temporary table",
    ],
    ("application", "former owner", "stranger"): ["read the ledger", "read a backup"],
    ("orchestrator", "reader", "former owner", "stranger"): ["write a key"],
    ("former owner", "stranger"): ["read the view"],
    ("stranger",): ["read stock"],
    ("reader", "stranger"): ["hold"],
    _WHO_DOES_NOT_SELL: [
        "lock the shop",
        "add stock",
        "remove stock",
        "change a quantity",
        "change a price",
        "reserve",
        "lengthen a reservation",
        "write a legacy table",
    ],
}

# By attempt, in the order of the statements: who is to be refused it.
ATTEMPTS = {name: who for name in STATEMENTS for who, names in _BY.items() if name in names}

_SELLING = [
    *_BY[_WHO_DOES_NOT_SELL][1:],
    "hold",
    "read stock",
]
ALLOWED = {
    "orchestrator": [
        "read stock",
        "read the view",
        "read the ledger",
        "refresh",
        "compare",
        "hold",
    ],
    "application": [*_SELLING, "read the view", "write a key"],
    "reader": ["read stock", "read the view", "read the ledger", "read a backup"],
    "former owner": _SELLING,
}
