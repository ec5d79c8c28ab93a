"""Each expectation of the preflight finds what it is there for, and says what that does to the deployment."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import psycopg
import pytest
from sqlalchemy import Connection
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, OperationalError

from soleflip_assets.checks.question import Question
from soleflip_assets.checks.validations import VALIDATIONS
from soleflip_assets.definitions import defs
from soleflip_assets.deploying.deployer import OPERATIONS, Deployer, DeploymentError
from soleflip_assets.ground.retrying import LockedOutError
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.ground.settings import DATABASE_URL, HOME
from soleflip_assets.phase2 import preflight
from soleflip_assets.phase2.assets import PREFLIGHT_KEY
from soleflip_assets.phase2.preflight import Effect, Finding, effect_of, run_preflight
from soleflip_assets.phase2.steps import BACKUP_FILES, EXPAND
from tests.conftest import Databases, connect
from tests.integration.phase2.deployment import await_row, ignore, run_deployment

STOPS, WARNS, REPAIRED = Effect.STOPS, Effect.WARNS, Effect.REPAIRED
FIRST = "(SELECT id FROM inventory.stock ORDER BY id LIMIT 1)"
# Of a resource that has another one.
DAGSTERS_OWN_WARNING = pytest.mark.filterwarnings("ignore:.*InitResourceContext.dagster_run")
BYPASSED = "SET session_replication_role = replica;"

TRIGGER = (
    "CREATE FUNCTION public.guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$;"
    "CREATE TRIGGER guard BEFORE UPDATE ON inventory.stock FOR EACH ROW EXECUTE FUNCTION public.guard();"
)


class Dirt(NamedTuple):
    """What somebody did; which expectation notices; what that does; what it says of it."""

    statements: str
    expectation: str
    effect: Effect
    said: str


DIRT = {
    "owner changed": Dirt(
        "CREATE ROLE preflight_owner; ALTER TABLE inventory.stock_metrics OWNER TO preflight_owner;"
        "CREATE ROLE preflight_deployer; GRANT ALL ON SCHEMA inventory TO preflight_deployer;"
        "GRANT SELECT ON ALL TABLES IN SCHEMA inventory TO preflight_deployer;"
        "SET ROLE preflight_deployer",
        "privileges_sufficient", STOPS, "ownership of inventory.stock_metrics",
    ),
    "unreadable table": Dirt(
        "CREATE TABLE public.secret (); CREATE ROLE preflight_reader; SET ROLE preflight_reader",
        "privileges_sufficient", STOPS, "SELECT ON secret",
    ),
    "schema that may not be entered": Dirt(
        "CREATE SCHEMA secret; CREATE TABLE secret.box (); CREATE ROLE preflight_guest;"
        "SET ROLE preflight_guest",
        "privileges_sufficient", STOPS, "USAGE ON SCHEMA secret",
    ),
    "rows that may not be read": Dirt(
        "CREATE TABLE public.asecret (); ALTER TABLE public.asecret ENABLE ROW LEVEL SECURITY;"
        "CREATE ROLE preflight_visitor; SET ROLE preflight_visitor",
        "privileges_sufficient", STOPS, "BYPASSRLS, for the row security of asecret",
    ),
    "large object that may not be read": Dirt(
        "SELECT lo_create(4711); CREATE ROLE preflight_stranger; SET ROLE preflight_stranger",
        "privileges_sufficient", STOPS, "SELECT ON LARGE OBJECT 4711",
    ),
    "legacy table missing": Dirt(
        "ALTER TABLE inventory.stock_metrics RENAME TO metrics",
        "tables_as_expected", STOPS, "stock_metrics.id: missing, expected uuid NOT NULL, found none",
    ),
    "column of another type": Dirt(
        "ALTER TABLE inventory.stock_lifecycle ALTER status_history TYPE json",
        "tables_as_expected", STOPS, "stock_lifecycle.status_history: other type, expected jsonb, found json",
    ),
    "column under our name": Dirt(
        "ALTER TABLE inventory.stock ADD reserved_quantity text",
        "tables_as_expected", STOPS, "stock.reserved_quantity: other type, expected integer, found text",
    ),
    "index missing": Dirt(
        "DROP INDEX inventory.idx_stock_lifecycle_stock",
        "indexes_as_expected", STOPS, "index on inventory.stock_lifecycle (stock_id)",
    ),
    "unique index missing": Dirt(
        "DROP INDEX inventory.idx_stock_metrics_stock;"
        "CREATE INDEX idx_stock_metrics_stock ON inventory.stock_metrics (stock_id)",
        "indexes_as_expected", STOPS, "unique index on inventory.stock_metrics (stock_id)",
    ),
    "backup of somebody else's": Dirt(
        "CREATE TABLE inventory.stock_lifecycle_backup ()",
        "backups_unobstructed", REPAIRED, "inventory.stock_lifecycle_backup: its columns are not those of",
    ),
    "orphan": Dirt(
        f"{BYPASSED} INSERT INTO inventory.stock_lifecycle (id, stock_id) "
        "VALUES ('00000000-0000-0000-0000-000000000001', gen_random_uuid())",
        "no_orphaned_rows", STOPS, "stock_lifecycle 00000000-0000-0000-0000-000000000001",
    ),
    "reserved below nothing": Dirt(
        "UPDATE inventory.stock_metrics SET reserved_quantity = -1 WHERE stock_id = " + FIRST,
        "reservations_within_stock", STOPS, ": -1 of",
    ),
    "reserved more than there is": Dirt(
        "UPDATE inventory.stock_metrics SET reserved_quantity = 1000 WHERE stock_id = " + FIRST,
        "reservations_within_stock", STOPS, ": 1000 of",
    ),
    "price that differs": Dirt(
        "UPDATE inventory.stock_financial SET purchase_price = purchase_price + 1 WHERE stock_id = " + FIRST,
        "financial_rows_agree", STOPS, ": purchase_price",
    ),
    "return that contradicts": Dirt(
        f"UPDATE inventory.stock SET roi_percentage = 2 WHERE id = {FIRST};"
        f"UPDATE inventory.stock_financial SET roi = 1 WHERE stock_id = {FIRST}",
        "financial_rows_agree", STOPS, ": roi",
    ),
    "plain view under our name": Dirt(
        "CREATE VIEW inventory.stock_metrics_view AS SELECT id FROM inventory.stock",
        "names_free", STOPS, "view inventory.stock_metrics_view, where there will be the materialized view",
    ),
    "table under our name": Dirt(
        "CREATE TABLE inventory.stock_metrics_view ()",
        "names_free", STOPS, "table inventory.stock_metrics_view, where there will be the materialized view",
    ),
    "other materialized view": Dirt(
        "CREATE MATERIALIZED VIEW inventory.stock_metrics_view AS SELECT id FROM inventory.stock",
        "names_free", STOPS, "materialized view inventory.stock_metrics_view with another definition: SELECT",
    ),
    "function of another signature": Dirt(
        "CREATE FUNCTION inventory.refresh_stock_metrics(integer) RETURNS int LANGUAGE sql AS 'SELECT $1'",
        "names_free", STOPS, "function inventory.refresh_stock_metrics with another definition",
    ),
    "index under our name": Dirt(
        "CREATE INDEX idx_stock_reserved ON inventory.stock (updated_at)",
        "names_free", STOPS, "index inventory.idx_stock_reserved with another definition",
    ),
    "index of another table": Dirt(
        "CREATE INDEX idx_stock_reserved ON inventory.stock_reservation (stock_id)",
        "names_free", STOPS, "index inventory.idx_stock_reserved on stock_reservation, where there will be",
    ),
    "trigger under our name": Dirt(
        "CREATE FUNCTION public.nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
        "CREATE TRIGGER soleflip_stock_to_legacy AFTER DELETE ON inventory.stock "
        "FOR EACH ROW EXECUTE FUNCTION public.nothing()",
        "names_free", STOPS, "trigger soleflip_stock_to_legacy on inventory.stock with another definition",
    ),
    "columns that contradict": Dirt(
        "ALTER TABLE inventory.stock ADD reserved_quantity integer DEFAULT 7777",
        "sides_agree", STOPS, ": reserved_quantity 7777, stock_metrics ",
    ),
    "check that a write would meet": Dirt(
        "ALTER TABLE inventory.stock_metrics ADD CONSTRAINT few CHECK (reserved_quantity < 999)",
        "legacy_rows_writable", STOPS, "stock_metrics: constraint few: CHECK ((reserved_quantity < 999))",
    ),
    "column that we do not know": Dirt(
        "DELETE FROM inventory.stock_lifecycle; ALTER TABLE inventory.stock_lifecycle ADD "
        "tenant_id uuid NOT NULL",
        "legacy_rows_writable", STOPS, "stock_lifecycle.tenant_id: is NOT NULL and has no default",
    ),
    "generated price in stock": Dirt(
        "ALTER TABLE inventory.stock_financial DISABLE TRIGGER ALL;"
        "DELETE FROM inventory.stock_financial;"
        "ALTER TABLE inventory.stock DROP vat_amount, "
        "ADD vat_amount numeric(10, 2) GENERATED ALWAYS AS (gross_purchase_price * 0.19) STORED",
        "legacy_rows_writable", STOPS, "stock.vat_amount: is generated",
    ),
    "legacy column that must not be NULL": Dirt(
        "UPDATE inventory.stock_financial SET roi = 0 WHERE roi IS NULL;"
        "UPDATE inventory.stock SET roi_percentage = 0 WHERE roi_percentage IS NULL;"
        "ALTER TABLE inventory.stock_financial ALTER roi SET NOT NULL",
        "legacy_rows_writable", STOPS, "stock_financial.roi: must not be NULL, while the other side may be",
    ),
    "constraint of a legacy table": Dirt(
        "ALTER TABLE inventory.stock_metrics ADD CONSTRAINT not_oversold CHECK (available_quantity >= 0)",
        "legacy_rows_writable", STOPS, "stock_metrics: constraint not_oversold: CHECK",
    ),
    "rule on a legacy table": Dirt(
        "CREATE RULE quiet AS ON INSERT TO inventory.stock_metrics DO INSTEAD NOTHING",
        "legacy_rows_writable", STOPS, "stock_metrics: rule quiet",
    ),
    "trigger that refuses": Dirt(
        TRIGGER.format(body="RAISE EXCEPTION 'stock is closed';"),
        "writes_arrive", STOPS, "stock: trigger guard refused the update of stock row ",
    ),
    "trigger that discards": Dirt(
        TRIGGER.format(body="RETURN NULL;"),
        "writes_arrive", STOPS, "stock: trigger guard discarded the update of stock row ",
    ),
    "shelf life that differs": Dirt(
        "UPDATE inventory.stock_lifecycle SET shelf_life_days = 4711 WHERE stock_id = " + FIRST,
        "shelf_life_agrees", WARNS, "stock_lifecycle 4711",
    ),
    "listings that are no array": Dirt(
        "UPDATE inventory.stock_lifecycle SET listed_on_platforms = '{}' WHERE stock_id = " + FIRST,
        "json_as_documented", WARNS, "stock_lifecycle ",
    ),
    "platform in capitals": Dirt(
        "UPDATE inventory.stock_lifecycle SET listed_on_platforms = "
        """'[{"platform": "StockX", "listing_id": "1", "listed_at": "2025-01-01", "status": "active"}]'"""
        " WHERE stock_id = " + FIRST,
        "json_as_documented", WARNS, "stock_lifecycle ",
    ),
    "history without a reason": Dirt(
        "UPDATE inventory.stock_lifecycle SET status_history = "
        """'[{"from_status": "a", "to_status": "b", "changed_at": "2025-01-01T00:00:00Z"}]'"""
        " WHERE stock_id = " + FIRST,
        "json_as_documented", WARNS, "stock_lifecycle ",
    ),
    "fewer than none": Dirt(
        "UPDATE inventory.stock SET quantity = -1 WHERE id = "
        "(SELECT stock_id FROM inventory.stock_metrics WHERE reserved_quantity = 0 ORDER BY 1 LIMIT 1)",
        "no_negative_stock", WARNS, ": -1",
    ),
    "reporting view": Dirt(
        "CREATE VIEW public.margins AS SELECT roi FROM inventory.stock_financial",
        "no_dependents", WARNS, "view margins: SELECT roi FROM inventory.stock_financial;",
    ),
    "constraint that does not find its function": Dirt(
        "CREATE FUNCTION public.listed(text) RETURNS boolean IMMUTABLE LANGUAGE sql AS "
        "'SELECT $1 IS NOT NULL';"
        "CREATE FUNCTION public.known(text) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS "
        "$$ BEGIN RETURN listed($1); END $$;"
        "ALTER TABLE inventory.stock ADD CONSTRAINT known CHECK (public.known(status))",
        "writes_arrive", STOPS, "stock: constraint known refused the update of stock row ",
    ),
    "event trigger that refuses tables": Dirt(
        "CREATE FUNCTION public.fence() RETURNS event_trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'tables are made by migrations'; END $$;"
        "CREATE EVENT TRIGGER fence ON ddl_command_start WHEN TAG IN ('CREATE TABLE') "
        "EXECUTE FUNCTION public.fence()",
        "objects_can_be_made", STOPS,
        "CREATE TABLE: event trigger fence refused it: tables are made by migrations",
    ),
    "event trigger that does not find its log": Dirt(
        "CREATE TABLE public.log (tag text); CREATE FUNCTION public.fence() RETURNS event_trigger "
        "LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log VALUES (tg_tag); END $$;"
        "CREATE EVENT TRIGGER fence ON sql_drop EXECUTE FUNCTION public.fence()",
        "objects_can_be_made", STOPS,
        "REFRESH MATERIALIZED VIEW CONCURRENTLY: event trigger fence refused it",
    ),
    "rows of stock as values": Dirt(
        "CREATE TABLE public.kept (item inventory.stock, items inventory.stock[])",
        "row_type_unused", STOPS, "kept.item; kept.items",
    ),
    "functions that copy and give back whole rows": Dirt(
        "CREATE TABLE public.sold (LIKE inventory.stock); CREATE TABLE public.sizes (id uuid);"
        "CREATE FUNCTION public.archive() RETURNS void LANGUAGE sql AS "
        "$$ INSERT INTO public.sold SELECT s.* FROM inventory.stock AS s WHERE status = 'sold' $$;"
        "CREATE FUNCTION public.all_of_it() RETURNS SETOF public.sold LANGUAGE plpgsql AS "
        "$$ BEGIN RETURN QUERY SELECT * FROM ONLY inventory.stock; END $$;"
        "CREATE FUNCTION public.rows() RETURNS SETOF inventory.stock LANGUAGE sql AS "
        "'SELECT * FROM inventory.stock';"
        "CREATE FUNCTION public.sizes() RETURNS SETOF public.sizes LANGUAGE sql AS "
        "'SELECT * FROM public.sizes'",
        "functions_name_columns", WARNS, "all_of_it(); archive()",
    ),
    "type under the view's name": Dirt(
        "CREATE DOMAIN inventory.stock_metrics_view AS integer",
        "names_free", STOPS, "type inventory.stock_metrics_view, where there will be the materialized view",
    ),
    "type under a backup's name": Dirt(
        "CREATE TYPE inventory.stock_metrics_backup AS (number integer)",
        "names_free", STOPS, "type inventory.stock_metrics_backup, where there will be a table",
    ),
    "schema under our name": Dirt(
        "CREATE SCHEMA inventory_ops; CREATE TABLE inventory_ops.backup (number integer)",
        "names_free", STOPS, "table inventory_ops.backup, where there will be the table",
    ),
    "child table": Dirt(
        "CREATE TABLE public.archive () INHERITS (inventory.stock)",
        "legacy_rows_writable", STOPS, "stock: has the child table archive",
    ),
    "subscription": Dirt(
        "CREATE SUBSCRIPTION feed CONNECTION '' PUBLICATION feed WITH (connect = false, slot_name = NONE);"
        "SET allow_system_table_mods = on; INSERT INTO pg_subscription_rel (srsubid, srrelid, srsubstate) "
        "SELECT oid, 'inventory.stock_metrics'::regclass, 'r' FROM pg_subscription",
        "no_subscription_writes", STOPS, "subscription feed writes to inventory.stock_metrics",
    ),
    "publication": Dirt(
        "CREATE PUBLICATION feed FOR TABLE inventory.stock",
        "subscribers_follow", WARNS, "publication feed sends all columns of stock",
    ),
    "publication of a schema": Dirt(
        "CREATE PUBLICATION feed FOR TABLES IN SCHEMA inventory",
        "subscribers_follow", WARNS, "all tables of inventory, with the backups",
    ),
    "foreign key": Dirt(
        "CREATE TABLE public.note (metrics_id uuid CONSTRAINT noted REFERENCES inventory.stock_metrics)",
        "no_dependents", WARNS, "constraint noted on table note: FOREIGN KEY",
    ),
    "function that mentions it": Dirt(
        "CREATE FUNCTION public.days() RETURNS integer LANGUAGE plpgsql AS "
        "$$ BEGIN RETURN (SELECT max(shelf_life_days) FROM inventory.stock_lifecycle); END $$",
        "no_dependents", WARNS, "function days(): CREATE OR REPLACE FUNCTION public.days()",
    ),
    "reserved quantity NULL": Dirt(
        "ALTER TABLE inventory.stock_metrics ALTER reserved_quantity DROP NOT NULL;"
        "UPDATE inventory.stock_metrics SET reserved_quantity = NULL WHERE stock_id = " + FIRST,
        "no_missing_quantities", REPAIRED, "stock_metrics ",
    ),
    "several financial rows": Dirt(
        "INSERT INTO inventory.stock_financial "
        "(stock_id, purchase_price, gross_purchase_price, vat_amount, updated_at) "
        "SELECT stock_id, 0, 0, 0, updated_at - interval '1 day' FROM inventory.stock_financial "
        f"WHERE stock_id = {FIRST}",
        "no_several_rows", REPAIRED, "stock_financial of ",
    ),
}  # fmt: skip


@pytest.fixture
def connection(databases: Databases) -> Iterator[Connection]:
    """A busy shop before Phase 2, without the several lifecycle rows that its sample has."""
    with connect(databases.legacy("busy")) as connection:
        connection.exec_driver_sql(
            "DELETE FROM inventory.stock_lifecycle WHERE id NOT IN (SELECT DISTINCT ON (stock_id) id "
            "FROM inventory.stock_lifecycle ORDER BY stock_id, updated_at DESC, created_at DESC, id DESC)"
        )
        yield connection


def deviations(connection: Connection, dumps: Path = Path()) -> dict[str, Finding]:
    findings = run_preflight(connection, dumps).findings
    return {one.question.name: one for one in findings if not one.as_expected}


def execute(connection: Connection, statements: str) -> None:
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    driver.execute(statements.encode())


@pytest.mark.parametrize("sample", ["production", "busy"])
def test_clean_shops_pass(databases_of_each_version: Databases, sample: str) -> None:
    """But for the lifecycle rows of the busy shop, which the deployment deals with itself."""
    with connect(databases_of_each_version.legacy(sample)) as connection:  # type: ignore[arg-type]
        found = deviations(connection)

    assert set(found) == ({"no_several_rows"} if sample == "busy" else set())
    assert all(finding.passed for finding in found.values())


@pytest.mark.parametrize("dirt", DIRT)
def test_dirt_is_found(connection: Connection, dirt: str) -> None:
    """Exactly the expectation that is meant deviates, names the row, and has the effect its file says."""
    statements, name, effect, said = DIRT[dirt]
    assert deviations(connection) == {}
    execute(connection, statements)

    found = deviations(connection)
    execute(connection, "RESET ROLE")

    finding = found.pop(name)
    assert finding.effect is effect
    assert finding.stops == (effect is STOPS)
    assert finding.passed == (effect is REPAIRED)
    assert said in str(finding)
    assert str(finding).endswith(finding.question.advice)
    # What cannot be read is also reported by whoever wanted to read it.
    assert name == "tables_as_expected" or all("error" in one.observed for one in found.values())


@pytest.mark.parametrize("known", ["stock", "stock_financial"])
def test_return_that_one_side_does_not_know_is_taken_from_the_other(
    legacy: URL, known: str
) -> None:
    with connect(legacy) as connection:
        execute(
            connection,
            f"UPDATE inventory.stock SET roi_percentage = {'7' if known == 'stock' else 'NULL'} "
            f"WHERE id = {FIRST};"
            f"UPDATE inventory.stock_financial SET roi = {'NULL' if known == 'stock' else '7'} "
            f"WHERE stock_id = {FIRST}",
        )
        assert set(deviations(connection)) == {"no_several_rows"}

        run_deployment(legacy)

        found = connection.exec_driver_sql(
            "SELECT roi_percentage, roi FROM inventory.stock JOIN inventory.stock_financial ON "
            "stock_id = stock.id "
            f"WHERE stock.id = {FIRST}"
        ).one()
    assert tuple(found) == (7, 7)


WELCOME = {
    "return that stock does not know": f"UPDATE inventory.stock SET roi_percentage = NULL WHERE id = {FIRST};"
    f"UPDATE inventory.stock_financial SET roi = 1 WHERE stock_id = {FIRST}",
    "return that only stock knows": f"UPDATE inventory.stock SET roi_percentage = 1 WHERE id = {FIRST};"
    f"UPDATE inventory.stock_financial SET roi = NULL WHERE stock_id = {FIRST}",
    "shelf life that stock does not know":
    f"UPDATE inventory.stock SET shelf_life_days = NULL WHERE id = {FIRST};"
    f"UPDATE inventory.stock_lifecycle SET shelf_life_days = 4711 WHERE stock_id = {FIRST}",
    "listing dated as the application does": "UPDATE inventory.stock_lifecycle SET listed_on_platforms = "
    """'[{"platform": "stockx", "listing_id": "1", "timestamp": "2025-01-01", "status": "active"}]'"""
    f" WHERE stock_id = {FIRST}",
    "no stock row": "TRUNCATE inventory.stock CASCADE",
    "publication of some columns": "CREATE PUBLICATION feed FOR TABLE inventory.stock (id, quantity)",
}  # fmt: skip


@pytest.mark.parametrize("shop", WELCOME)
def test_what_is_no_deviation(connection: Connection, shop: str) -> None:
    execute(connection, WELCOME[shop])

    assert deviations(connection) == {}


def test_every_expectation_is_tried_here() -> None:
    tried = {name for _, name, _, _ in DIRT.values()}
    elsewhere = {
        "server_usable",
        "no_old_transactions",
        "disk_space_sufficient",
        "no_revert_unfinished",
        "code_not_older",
        "view_replaceable",
    }

    assert tried | elsewhere == {one.name for one in preflight.EXPECTATIONS}


def test_old_server_stops(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "OLDEST_SERVER", 99)

    assert deviations(connection)["server_usable"].stops


def test_old_transaction_warns(databases: Databases, connection: Connection) -> None:
    """One of this database; those of others hold up nothing here."""
    elsewhere = create_database_engine(databases.empty())
    here = connection.engine
    old = "SELECT 1 WHERE clock_timestamp() > now() + interval '5.1 seconds'"
    with elsewhere.connect() as other, here.connect() as waiting:
        for opened in (other, waiting):
            opened.exec_driver_sql("SELECT 1")
        await_row(waiting, old)
        found = deviations(connection)

    assert set(found) == {"no_old_transactions"}
    assert found["no_old_transactions"].effect is WARNS
    assert found["no_old_transactions"].observed["older_than_5_seconds"] == 1
    assert "idle in transaction" in str(found["no_old_transactions"])


@pytest.mark.parametrize(("server", "dumps"), [(10_000, 10**12), (10**12, 10_000), (None, 10_000)])
def test_full_disk_stops(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, server: int | None, dumps: int
) -> None:
    monkeypatch.setattr(preflight, "_server_free", lambda _: server)
    monkeypatch.setattr(preflight, "_free", lambda _: dumps)

    found = deviations(connection)["disk_space_sufficient"]

    assert found.stops
    assert found.observed["dumps_megabytes_free"] == round(dumps / 1e6, 1)


def test_disk_that_cannot_be_seen_is_said_to_be_unknown(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "_server_free", lambda _: None)

    findings = run_preflight(connection, Path("not/there")).findings

    (disk,) = (one for one in findings if one.question.name == "disk_space_sufficient")
    assert disk.as_expected
    assert "not known" in disk.observed["server_megabytes_free"]


def test_reports_every_column_expected_against_found(connection: Connection) -> None:
    execute(
        connection,
        "ALTER TABLE inventory.stock ALTER quantity DROP NOT NULL, ALTER notes TYPE varchar(999)",
    )

    columns = run_preflight(connection, Path()).columns

    verdicts = {(one["table"], one["column"]): one["verdict"] for one in columns}
    assert len(columns) == len(verdicts) == 28 + 9 + 7 + 9
    assert verdicts["stock", "id"] == "as expected"
    assert verdicts["stock", "quantity"] == "may be NULL"
    assert verdicts["stock", "notes"] == "other type"
    assert verdicts["stock", "reserved_quantity"] == "to be added"


def test_deployed_shop_passes(deployed: URL) -> None:
    with connect(deployed) as connection:
        found = deviations(connection)

    assert set(found) == {"no_several_rows"}


def test_deployment_that_died_is_not_stopped_by_itself(legacy: URL) -> None:
    """After each of its steps: what it made is no trouble to the next."""
    with Deployer(create_database_engine(legacy), ignore) as deployer:
        for file in [*OPERATIONS, BACKUP_FILES["stock_lifecycle_backup"], *EXPAND]:
            deployer.apply(file)
            assert set(deviations(deployer.connection)) == {"no_several_rows"}


def test_data_only_warns_once_stock_was_expanded(deployed: URL) -> None:
    """From then on the validations judge it: a shop that oversells must be able to mend its view."""
    with connect(deployed) as connection:
        connection.exec_driver_sql(
            f"UPDATE inventory.stock_metrics SET reserved_quantity = 1000 WHERE stock_id = {FIRST}"
        )
        finding = deviations(connection)["reservations_within_stock"]

    assert (finding.effect, finding.passed, finding.stops) == (WARNS, False, False)


def test_question_that_cannot_be_asked_is_no_finding(connection: Connection) -> None:
    """A lock that cannot be acquired says nothing of the data."""
    with connection.engine.begin() as other:
        other.exec_driver_sql("LOCK TABLE inventory.stock_lifecycle")
        connection.exec_driver_sql("SET lock_timeout = '20ms'")
        with pytest.raises(OperationalError, match="lock timeout"):
            run_preflight(connection, Path())


def test_changes_nothing(connection: Connection) -> None:
    connection.exec_driver_sql("SET default_transaction_read_only = on")
    run_preflight(connection, Path())

    with pytest.raises(DBAPIError, match="read-only"):
        connection.exec_driver_sql("CREATE TABLE public.proof ()")


def test_trial_leaves_nothing_behind(connection: Connection) -> None:
    """What the shop's trigger wrote is gone, told nobody, and no row is new. Its sequence moved on."""
    execute(
        connection,
        "CREATE SEQUENCE public.calls; CREATE TABLE public.log (id uuid);"
        + TRIGGER.format(
            body="PERFORM nextval('public.calls'); INSERT INTO public.log VALUES (NEW.id); "
            "NOTIFY guarded; RETURN NEW;"
        ),
    )
    versions = " UNION ALL ".join(
        f"SELECT array_agg(ctid::text || xmin::text ORDER BY ctid) FROM inventory.{table}"
        for table in ("stock", "stock_lifecycle", "stock_financial", "stock_metrics")
    )
    before = connection.exec_driver_sql(versions).scalars().all()
    execute(connection, "LISTEN guarded")

    assert deviations(connection) == {}

    assert connection.exec_driver_sql("SELECT last_value FROM public.calls").scalar_one() > 1
    assert connection.exec_driver_sql(versions).scalars().all() == before
    assert connection.exec_driver_sql("SELECT count(*) FROM public.log").scalar_one() == 0
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    assert list(driver.notifies(timeout=0)) == []


def test_trial_passes_over_a_row_that_somebody_holds(connection: Connection) -> None:
    """And tries another one of that status."""
    execute(connection, TRIGGER.format(body="RETURN NULL;"))
    held = "SELECT id::text FROM inventory.stock WHERE status = 'in_stock' ORDER BY ctid LIMIT 5 FOR UPDATE"
    with connection.engine.begin() as other:
        locked = other.exec_driver_sql(held).scalars().all()
        connection.exec_driver_sql("SET lock_timeout = '1ms'")
        (tried,) = (
            one
            for one in deviations(connection)["writes_arrive"].observed["examples"]
            if "(status in_stock)" in one
        )

    assert len(locked) == 5
    assert not any(stock_id in tried for stock_id in locked)


def test_trigger_that_cannot_be_tried_is_no_finding(connection: Connection) -> None:
    """It waits for a lock that somebody holds: that says nothing of it."""
    execute(
        connection,
        "CREATE TABLE public.log (id uuid);"
        + TRIGGER.format(body="LOCK TABLE public.log; RETURN NEW;"),
    )
    with connection.engine.begin() as other:
        other.exec_driver_sql("LOCK TABLE public.log")
        with pytest.raises(LockedOutError, match="not free in 5 tries"):
            run_preflight(connection, Path())


def test_trigger_made_after_the_deployment_only_warns(deployed: URL) -> None:
    with connect(deployed) as connection:
        execute(connection, TRIGGER.format(body="RETURN NULL;"))
        finding = deviations(connection)["writes_arrive"]

    assert (finding.effect, finding.passed) == (WARNS, False)


def test_row_that_a_trigger_refuses_in_the_backfill_is_named(connection: Connection) -> None:
    """One of many of its status, which no trial met. The next run resumes once it is let through."""
    url = connection.engine.url
    (refused,) = connection.exec_driver_sql(
        "SELECT stock_id::text FROM inventory.stock_lifecycle WHERE listed_on_platforms IS NOT NULL "
        "ORDER BY stock_id OFFSET 7 LIMIT 1"
    ).one()
    execute(
        connection,
        TRIGGER.format(
            body=f"IF NEW.id = '{refused}' THEN RAISE EXCEPTION 'not this one'; END IF; RETURN NEW;"
        ),
    )
    with pytest.raises(
        DeploymentError, match=rf"^Stock row {refused} could not be written: not this one\."
    ):
        run_deployment(url)
    left = connection.exec_driver_sql(
        "SELECT count(*) FROM inventory.stock JOIN inventory.stock_lifecycle AS l ON l.stock_id = stock.id "
        f"WHERE stock.id < '{refused}' AND stock.listed_on_platforms IS DISTINCT FROM l.listed_on_platforms"
    ).scalar_one()
    assert left == 0

    execute(connection, "ALTER TABLE inventory.stock DISABLE TRIGGER guard")
    run_deployment(url)

    assert all(one.ask(connection).passed for one in VALIDATIONS)


@pytest.fixture
def environment(connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = connection.engine.url.set(drivername="postgresql")
    monkeypatch.setenv(DATABASE_URL, url.render_as_string(hide_password=False))
    monkeypatch.setenv(HOME, str(tmp_path))


def run_job(name: str) -> dg.ExecuteInProcessResult:
    with dg.DagsterInstance.ephemeral() as instance:
        return defs.resolve_job_def(name).execute_in_process(
            instance=instance, raise_on_error=False
        )


@pytest.mark.usefixtures("environment")
@DAGSTERS_OWN_WARNING
def test_job_fails_when_a_finding_stops(connection: Connection) -> None:
    """And nothing downstream is begun; the finding is an ERROR, what warns a WARN, and the table is there."""
    execute(connection, DIRT["orphan"][0])
    execute(connection, DIRT["reporting view"][0])

    result = run_job("deploy_phase2")

    assert not result.success
    assert [one.asset_key for one in result.get_asset_materialization_events()] == [PREFLIGHT_KEY]
    failed = {
        one.check_name: one.severity
        for one in result.get_asset_check_evaluations()
        if not one.passed
    }
    assert failed == {
        "no_orphaned_rows": dg.AssetCheckSeverity.ERROR,
        "no_dependents": dg.AssetCheckSeverity.WARN,
    }
    (made,) = result.asset_materializations_for_node("phase2__preflight")
    assert "| stock | id | uuid NOT NULL | uuid NOT NULL | as expected |" in str(
        made.metadata["columns"].value
    )
    assert (
        connection.exec_driver_sql("SELECT to_regnamespace('inventory_ops')").scalar_one() is None
    )


@pytest.mark.usefixtures("environment")
@DAGSTERS_OWN_WARNING
def test_job_goes_on_when_a_finding_warns(connection: Connection) -> None:
    execute(connection, DIRT["reporting view"][0])

    assert run_job("preflight_phase2").success


def test_orphans_once_gone_leave_the_way_free(connection: Connection) -> None:
    """What a finding says to do is enough for the deployment to go through, validations and all."""
    execute(connection, DIRT["orphan"][0])
    execute(
        connection,
        "DELETE FROM inventory.stock_lifecycle WHERE id = '00000000-0000-0000-0000-000000000001'",
    )

    assert deviations(connection) == {}
    assert run_deployment(connection.engine.url)


@pytest.mark.parametrize("expectation", preflight.EXPECTATIONS, ids=lambda one: one.name)
def test_every_expectation_says_its_effect_and_its_fix(expectation: Question) -> None:
    assert effect_of(expectation, begun=False) in Effect
    assert effect_of(expectation, begun=True) in Effect
    assert expectation.advice.endswith(".")
    assert expectation.expected.endswith(".")
