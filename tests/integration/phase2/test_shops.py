"""Shops that differ from the sample in one respect each: a green `deploy --check` means that it deploys.

And that the shop then goes on: both versions of the application write, and both read the same. Everything is
done as an owner who is no superuser. A red check says so before anything is changed.
"""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from soleflip_assets.checks.validations import VALIDATIONS
from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.ground.settings import SQL
from soleflip_assets.history.install import install, remove
from soleflip_assets.metrics.mode import Mode, switch
from soleflip_assets.phase2.preflight import run_preflight
from soleflip_assets.phase2.retirement import LEGACY_RETIREMENT, retire
from soleflip_assets.phase2.revert import revert
from tests.conftest import Databases, connect
from tests.integration.phase2.deployment import ignore, run_deployment
from tests.integration.phase2.sides import S, differences, small_shop
from tests.integration.phase2.test_retirement import IN_15_DAYS, make_ready

OWNER = "shop_owner"
LEGACY = ("stock_financial", "stock_lifecycle", "stock_metrics")


def each(statement: str) -> str:
    """A statement for each legacy table."""
    return "; ".join(statement.format(table=f"inventory.{name}") for name in LEGACY)


def trigger(moment: str, body: str, table: str = "stock") -> str:
    """A trigger of the application's."""
    return f"""
    CREATE FUNCTION public.application() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$;
    CREATE TRIGGER application {moment} ON inventory.{table} FOR EACH ROW
    EXECUTE FUNCTION public.application();
    """


class Shop(NamedTuple):
    """What is different there, and the expectation that stops a deployment; none if it goes through."""

    difference: str
    stops: str = ""


SHOPS = {
    "none": Shop("SELECT 1"),
    "enum in public": Shop("ALTER TYPE inventory.inventory_status SET SCHEMA public"),
    "no stock row": Shop("TRUNCATE inventory.stock CASCADE"),
    "no legacy row": Shop(each("DELETE FROM {table}")),
    "legacy ids without default": Shop(each("ALTER TABLE {table} ALTER id DROP DEFAULT")),
    "dates without default": Shop(
        each("ALTER TABLE {table} ALTER created_at DROP DEFAULT, ALTER updated_at DROP DEFAULT")
    ),
    "rows without date": Shop(
        "ALTER TABLE inventory.stock_lifecycle ALTER updated_at DROP NOT NULL;"
        f"INSERT INTO inventory.stock_lifecycle (stock_id, updated_at) VALUES ('{S}', NULL), ('{S}', NULL)"
    ),
    "quantity that is not known": Shop(
        "ALTER TABLE inventory.stock ALTER quantity DROP NOT NULL;"
        f"UPDATE inventory.stock SET quantity = NULL WHERE id <> '{S}';"
        f"DELETE FROM inventory.stock_metrics WHERE stock_id <> '{S}'"
    ),
    "column that legacy tables must have": Shop(
        "DELETE FROM inventory.stock_lifecycle;"
        "ALTER TABLE inventory.stock_lifecycle ADD tenant_id uuid NOT NULL",
        "legacy_rows_writable",
    ),
    "column of a domain that they must have": Shop(
        "DELETE FROM inventory.stock_lifecycle; CREATE DOMAIN public.tenant AS uuid NOT NULL;"
        "ALTER TABLE inventory.stock_lifecycle ADD tenant_id public.tenant",
        "legacy_rows_writable",
    ),
    "column with a default that they must have": Shop(
        each("ALTER TABLE {table} ADD tenant_id integer NOT NULL DEFAULT 7")
    ),
    "generated column in legacy tables": Shop(
        each("ALTER TABLE {table} ADD age integer GENERATED ALWAYS AS (1 + 1) STORED")
    ),
    "identity in legacy tables": Shop(
        each("ALTER TABLE {table} ADD number bigint GENERATED ALWAYS AS IDENTITY")
    ),
    "types that cannot be compared": Shop(
        each("ALTER TABLE {table} ADD place point, ADD raw json, ADD page xml")
    ),
    "columns with odd names": Shop(
        each('ALTER TABLE {table} ADD "Tenant ""Id%(x)s :y" integer, ADD "order" integer')
        + '; ALTER TABLE inventory.stock ADD "Tenant ""Id%(x)s :y" integer'
    ),
    "columns named as our variables": Shop(
        each(
            "ALTER TABLE {table} ADD target numeric, ADD written text, ADD counting text, ADD given text"
        )
        + "; ALTER TABLE inventory.stock ADD size varchar(9), ADD after date, ADD reserved boolean, "
        "ADD became text, ADD ids text, ADD moment date"
    ),
    "generated price": Shop(
        "ALTER TABLE inventory.stock DROP vat_amount,"
        "ADD vat_amount numeric(10, 2) GENERATED ALWAYS AS (gross_purchase_price / 6) STORED",
        "legacy_rows_writable",
    ),
    "generated column of its own": Shop(
        "ALTER TABLE inventory.stock ADD twice integer GENERATED ALWAYS AS (quantity * 2) STORED"
    ),
    "prices of another type": Shop(
        "ALTER TABLE inventory.stock_financial ALTER purchase_price TYPE numeric(14, 4)",
        "tables_as_expected",
    ),
    "foreign keys deferred": Shop(
        each("ALTER TABLE {table} ALTER CONSTRAINT CONSTRAINT_OF DEFERRABLE INITIALLY DEFERRED")
        .replace("CONSTRAINT_OF", "stock_financial_stock_id_fkey", 1)
        .replace("CONSTRAINT_OF", "stock_lifecycle_stock_id_fkey", 1)
        .replace("CONSTRAINT_OF", "stock_metrics_stock_id_fkey", 1)
    ),
    "unique key deferrable": Shop(
        "DROP INDEX inventory.idx_stock_metrics_stock;"
        "ALTER TABLE inventory.stock_metrics ADD UNIQUE (stock_id) DEFERRABLE INITIALLY DEFERRED"
    ),
    "index absent": Shop("DROP INDEX inventory.idx_stock_lifecycle_stock", "indexes_as_expected"),
    "reports": Shop(
        f"SET ROLE {OWNER}; CREATE VIEW public.report AS "
        "SELECT * FROM inventory.stock NATURAL JOIN inventory.stock_metrics;"
        "CREATE MATERIALIZED VIEW public.kept AS SELECT * FROM inventory.stock_financial"
    ),
    "trigger that dates": Shop(
        trigger("BEFORE UPDATE", "NEW.updated_at := clock_timestamp(); RETURN NEW;")
    ),
    "trigger that logs": Shop(
        f"SET ROLE {OWNER}; CREATE TABLE public.log (id uuid);"
        + trigger("AFTER UPDATE", "INSERT INTO public.log VALUES (NEW.id); RETURN NULL;")
    ),
    "trigger that names a table by halves": Shop(
        f"SET ROLE {OWNER}; CREATE TABLE public.log (id uuid);"
        + trigger("AFTER UPDATE", "INSERT INTO log VALUES (NEW.id); RETURN NULL;"),
        "writes_arrive",
    ),
    "trigger that copies whole rows": Shop(
        f"SET ROLE {OWNER}; CREATE TABLE public.log (LIKE inventory.stock);"
        + trigger("AFTER UPDATE", "INSERT INTO public.log SELECT NEW.*; RETURN NULL;"),
        "writes_arrive",
    ),
    "trigger that keeps what is deleted": Shop(
        f"SET ROLE {OWNER}; CREATE TABLE public.gone (LIKE inventory.stock);"
        + trigger("AFTER DELETE", "INSERT INTO gone SELECT OLD.*; RETURN NULL;"),
        "writes_arrive",
    ),
    "trigger that refuses a delete": Shop(
        trigger(
            "BEFORE DELETE",
            "IF OLD.notes IS DISTINCT FROM 'n' THEN RAISE 'stock is never deleted'; END IF; RETURN OLD;",
        )
    ),
    "trigger that copies whole rows by name": Shop(
        f"SET ROLE {OWNER}; CREATE TABLE public.log (id uuid, quantity integer);"
        + trigger(
            "AFTER UPDATE",
            "INSERT INTO public.log SELECT * FROM jsonb_populate_record(NULL::public.log, to_jsonb(NEW));"
            "RETURN NULL;",
        )
    ),
    "trigger with a search_path of its own": Shop(
        f"SET ROLE {OWNER}; CREATE TABLE public.log (id uuid);"
        + trigger("AFTER UPDATE", "INSERT INTO log VALUES (NEW.id); RETURN NULL;")
        + "ALTER FUNCTION public.application() SET search_path = public"
    ),
    "trigger that refuses": Shop(
        trigger("BEFORE UPDATE", "RAISE EXCEPTION 'stock is closed';"), "writes_arrive"
    ),
    "trigger that refuses what is sold": Shop(
        f"UPDATE inventory.stock SET status = 'sold' WHERE id <> '{S}';"
        + trigger(
            "BEFORE UPDATE",
            "IF OLD.status = 'sold' THEN RAISE EXCEPTION 'sold is sold'; END IF; RETURN NEW;",
        ),
        "writes_arrive",
    ),
    "trigger that refuses at the commit": Shop(
        trigger("AFTER UPDATE", "RAISE EXCEPTION 'stock is closed';")
        .replace("CREATE TRIGGER", "CREATE CONSTRAINT TRIGGER")
        .replace("FOR EACH ROW", "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"),
        "writes_arrive",
    ),
    "trigger that discards": Shop(trigger("BEFORE UPDATE", "RETURN NULL;"), "writes_arrive"),
    "trigger that puts back": Shop(trigger("BEFORE UPDATE", "RETURN OLD;"), "writes_arrive"),
    "trigger that discards a legacy row": Shop(
        "DELETE FROM inventory.stock_lifecycle;"
        + trigger("BEFORE INSERT", "RETURN NULL;", "stock_lifecycle"),
        "writes_arrive",
    ),
    "trigger that keeps legacy rows": Shop(
        trigger("BEFORE DELETE", "RETURN NULL;", "stock_lifecycle"), "writes_arrive"
    ),
    "trigger that names a table by halves where all rows are there": Shop(
        f"SET ROLE {OWNER}; CREATE TABLE public.log (id uuid);"
        + trigger("AFTER INSERT", "INSERT INTO log VALUES (NEW.id); RETURN NULL;", "stock_metrics"),
        "writes_arrive",
    ),
    "default that names a table by halves": Shop(
        f"SET ROLE {OWNER}; CREATE TABLE public.tenant AS SELECT 1 AS id;"
        "CREATE FUNCTION public.tenant() RETURNS integer LANGUAGE plpgsql "
        "AS 'BEGIN RETURN (SELECT id FROM tenant); END';"
        "ALTER TABLE inventory.stock_lifecycle ADD tenant integer NOT NULL DEFAULT public.tenant()",
        "writes_arrive",
    ),
    "legacy row that somebody refers to": Shop(
        f"SET ROLE {OWNER}; CREATE TABLE public.noted (id uuid REFERENCES inventory.stock_metrics (id));"
        f"INSERT INTO public.noted SELECT id FROM inventory.stock_metrics WHERE stock_id <> '{S}';"
        f"UPDATE inventory.stock SET status = 'sold' WHERE id <> '{S}';"
        + trigger("BEFORE INSERT", "RETURN NEW;", "stock_metrics")
    ),
    "view in place of a legacy table": Shop(
        "ALTER TABLE inventory.stock_lifecycle RENAME TO kept;"
        "CREATE VIEW inventory.stock_lifecycle AS SELECT * FROM inventory.kept",
        "tables_as_expected",
    ),
    "trigger that discards what changes nothing": Shop(
        "CREATE TRIGGER same BEFORE UPDATE ON inventory.stock FOR EACH ROW "
        "EXECUTE FUNCTION suppress_redundant_updates_trigger()"
    ),
    "trigger that computes the shelf life": Shop(
        trigger("BEFORE UPDATE", "NEW.shelf_life_days := 30; RETURN NEW;")
    ),
    "trigger that is disabled": Shop(
        trigger("BEFORE UPDATE", "RETURN NULL;")
        + "ALTER TABLE inventory.stock DISABLE TRIGGER application"
    ),
    "trigger that guards the status": Shop(
        trigger("BEFORE UPDATE OF status", "RAISE EXCEPTION 'the status is decided elsewhere';")
    ),
    "no foreign key": Shop(
        "ALTER TABLE inventory.stock_lifecycle DROP CONSTRAINT stock_lifecycle_stock_id_fkey"
    ),
    "no foreign keys": Shop(
        each("ALTER TABLE {table} DROP CONSTRAINT CONSTRAINT_OF")
        .replace("CONSTRAINT_OF", "stock_financial_stock_id_fkey", 1)
        .replace("CONSTRAINT_OF", "stock_lifecycle_stock_id_fkey", 1)
        .replace("CONSTRAINT_OF", "stock_metrics_stock_id_fkey", 1)
    ),
    "row security": Shop("ALTER TABLE inventory.stock ENABLE ROW LEVEL SECURITY"),
    "row security for its owner, too": Shop(
        "ALTER TABLE inventory.stock ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        "sides_agree",
    ),
    "no temporary tables": Shop(
        f"REVOKE TEMPORARY ON DATABASE {{database}} FROM PUBLIC, {OWNER}", "privileges_sufficient"
    ),
    "table of another owner": Shop(
        "ALTER TABLE inventory.stock_metrics OWNER TO postgres", "privileges_sufficient"
    ),
    "owner without a right of its own": Shop(
        f"REVOKE TRIGGER ON inventory.stock FROM {OWNER}", "privileges_sufficient"
    ),
    "reading is the default": Shop(
        "ALTER DATABASE {database} SET default_transaction_read_only = on"
    ),
    "German dates": Shop("ALTER DATABASE {database} SET datestyle = 'German, DMY'"),
    "settings that change what statements mean": Shop(
        "ALTER DATABASE {database} SET standard_conforming_strings = off;"
        "ALTER DATABASE {database} SET search_path = pg_temp, public;"
        "ALTER DATABASE {database} SET bytea_output = escape;"
        "ALTER DATABASE {database} SET timezone = 'Asia/Kathmandu';"
        "ALTER DATABASE {database} SET intervalstyle = 'iso_8601'"
    ),
    "impatient": Shop(
        "ALTER DATABASE {database} SET statement_timeout = '60ms';"
        "ALTER DATABASE {database} SET idle_in_transaction_session_timeout = '100ms'"
    ),
    "everything serializable": Shop(
        "ALTER DATABASE {database} SET default_transaction_isolation = serializable;"
        "ALTER DATABASE {database} SET default_transaction_deferrable = on"
    ),
    "unlogged": Shop(each("ALTER TABLE {table} SET UNLOGGED")),
    "view under our name": Shop(
        f"SET ROLE {OWNER}; CREATE VIEW inventory.stock_metrics_view AS SELECT 1 AS one",
        "names_free",
    ),
    "aggregate under our name": Shop(
        f"SET ROLE {OWNER}; CREATE AGGREGATE inventory.refresh_stock_metrics(int) "
        "(SFUNC = int4pl, STYPE = int)",
        "names_free",
    ),
    "index under our name": Shop(
        "CREATE INDEX idx_stock_reserved ON inventory.stock (status)", "names_free"
    ),
    "return that only the legacy row knows": Shop(
        "UPDATE inventory.stock SET roi_percentage = NULL"
    ),
    "return that contradicts": Shop(
        "UPDATE inventory.stock_financial SET roi = 7", "financial_rows_agree"
    ),
    "reserved more than there is": Shop(
        "UPDATE inventory.stock_metrics SET reserved_quantity = 99", "reservations_within_stock"
    ),
    "check on reservations": Shop(
        "ALTER TABLE inventory.stock_metrics ADD CHECK (reserved_quantity < 100)",
        "legacy_rows_writable",
    ),
    "rule on a legacy table": Shop(
        "CREATE RULE also AS ON UPDATE TO inventory.stock_lifecycle DO ALSO NOTHING",
        "legacy_rows_writable",
    ),
    "published": Shop("CREATE PUBLICATION feed FOR TABLE inventory.stock, inventory.stock_metrics"),
    "published, all of it": Shop("CREATE PUBLICATION feed FOR ALL TABLES"),
    "child of stock": Shop(
        f"SET ROLE {OWNER}; CREATE TABLE public.archive () INHERITS (inventory.stock)",
        "legacy_rows_writable",
    ),
    "parent of stock": Shop(
        f"SET ROLE {OWNER}; CREATE TABLE public.things (notes text);"
        "ALTER TABLE inventory.stock INHERIT public.things"
    ),
    "check that old rows break": Shop(
        "ALTER TABLE inventory.stock ADD CONSTRAINT late CHECK (quantity < 5) NOT VALID",
        "legacy_rows_writable",
    ),
}


@pytest.fixture(scope="module")
def template(databases_of_each_version: Databases) -> Iterator[tuple[Databases, URL]]:
    """The small shop on one server, which belongs to somebody who is no superuser."""
    databases = databases_of_each_version
    url = databases.empty()
    engine = small_shop(url)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE ROLE {OWNER} LOGIN"))
        connection.execute(text(f"ALTER SCHEMA inventory OWNER TO {OWNER}"))
        connection.execute(text(f"ALTER TYPE inventory.inventory_status OWNER TO {OWNER}"))
        tables = (
            "SELECT oid::regclass FROM pg_class "
            "WHERE relkind = 'r' AND relnamespace = 'inventory'::regnamespace"
        )
        for table in connection.execute(text(tables)).scalars().all():
            connection.execute(text(f"ALTER TABLE {table} OWNER TO {OWNER}"))
    engine.dispose()
    yield databases, url
    with connect(databases.server.url("postgres")) as connection:
        for name in connection.exec_driver_sql(
            "SELECT quote_ident(datname) FROM pg_database WHERE NOT datistemplate AND datname LIKE 'test_%%'"
        ).scalars():
            connection.exec_driver_sql(f"REVOKE ALL ON DATABASE {name} FROM {OWNER}")


@pytest.fixture
def shop(template: tuple[Databases, URL]) -> URL:
    databases, original = template
    url = databases.copy(original)
    with connect(url) as connection:
        connection.exec_driver_sql(f"GRANT ALL ON DATABASE {url.database} TO {OWNER}")
        connection.exec_driver_sql(f"GRANT CREATE ON SCHEMA public TO {OWNER}")
    return url


WRITES = [
    """UPDATE inventory.stock SET reserved_quantity = 2, listed_on_platforms = '[1]', notes = 'n',
    purchase_price = 8""",
    f"UPDATE inventory.stock_metrics SET reserved_quantity = 3 WHERE stock_id = '{S}'",
    "UPDATE inventory.stock_lifecycle SET status_history = '[2]', updated_at = now()",
    "UPDATE inventory.stock_financial SET roi = 9, updated_at = now()",
    """INSERT INTO inventory.stock (id, product_id, size_id, quantity, status, reserved_quantity)
    SELECT id, id, id, 5, 'in_stock', 1 FROM gen_random_uuid() AS id""",
    f"DELETE FROM inventory.stock WHERE id = '{S}'",
    "SELECT inventory.refresh_stock_metrics()",
]


@pytest.mark.parametrize("name", SHOPS)
def test_what_is_green_deploys(shop: URL, name: str, tmp_path: Path) -> None:
    difference, stops = SHOPS[name]
    with connect(shop) as connection:
        statement = difference.replace("{database}", str(shop.database))
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
    owner = shop.set(username=OWNER)
    with connect(owner) as connection:
        stopping = {one.question.name for one in run_preflight(connection, tmp_path).stopping}
    if stops:
        # What cannot be read is also told by whoever wanted to read it.
        assert stops in stopping
        return
    assert stopping == set()

    run_deployment(owner)

    with connect(owner) as connection:
        assert [one.name for one in VALIDATIONS if not one.ask(connection).passed] == []
    engine = create_database_engine(owner)
    with engine.connect() as connection:
        for statement in WRITES:
            connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
            connection.commit()
            assert differences(connection) == [], statement
    engine.dispose()
    with connect(owner) as connection:
        assert [one.name for one in VALIDATIONS if not one.ask(connection).passed] == []


def names_in_our_sql() -> set[str]:
    """Each name that a statement of ours leaves unqualified: a variable, an alias, a column of anything."""
    found: set[str] = set()
    for path in SQL.rglob("*.sql"):
        code = re.sub(r"--.*|'[^']*'", "", path.read_text())
        found.update(re.findall(r"(?<![\w.\"])([a-z_]\w*)(?![\w(.])", code))
        # Of the statements in strings, which EXECUTE runs.
        found.update(re.findall(r"\bAS ([a-z_]\w*)", path.read_text()))
    return {name for name in found if len(name) < 64}


def columns_of_every_name(url: URL, type_: str) -> None:
    """Give each table a column of each of these names, and of each word that PostgreSQL reserves."""
    with connect(url) as connection:
        reserved = "SELECT word FROM pg_get_keywords() WHERE catcode <> 'U'"
        names = names_in_our_sql() | {*connection.exec_driver_sql(reserved).scalars()}
        for table in ("stock", "stock_reservation", *LEGACY):
            columns = "SELECT attname FROM pg_attribute WHERE attrelid = CAST(:t AS regclass)"
            known = {*connection.execute(text(columns), {"t": f"inventory.{table}"}).scalars()}
            known |= {"reserved_quantity", "listed_on_platforms", "status_history"}
            added = ", ".join(f'ADD "{name}" {type_}' for name in sorted(names - known))
            connection.exec_driver_sql(f"ALTER TABLE inventory.{table} {added}")


# Green at once, and to be lived through to the end.
LIVES = {
    "columns of every name": "",
    "what the later steps meet": each("ALTER TABLE {table} ADD number bigserial")
    + f"; SET ROLE {OWNER}; CREATE POLICY all_of_it ON inventory.stock_metrics USING (stock_id IS NOT NULL);"
    "RESET ROLE; ALTER TABLE inventory.stock_financial ADD net numeric "
    "GENERATED ALWAYS AS (gross_purchase_price - vat_amount) STORED"
    + "; ALTER TABLE inventory.stock ALTER created_at DROP NOT NULL, ALTER created_at DROP DEFAULT,"
    "ALTER updated_at DROP NOT NULL, ALTER updated_at DROP DEFAULT;"
    "CREATE PUBLICATION feed FOR ALL TABLES",
}

RESERVATIONS = [
    f"""INSERT INTO inventory.stock_reservation (stock_id, reserved_quantity, status)
    VALUES ('{S}', 1, 'active')""",
    "UPDATE inventory.stock_reservation SET status = 'released'",
    "DELETE FROM inventory.stock_reservation",
]


@pytest.mark.parametrize("name", LIVES)
def test_what_is_green_goes_on_to_the_end(shop: URL, name: str, tmp_path: Path) -> None:
    """Each mode, the log, back, again, without the legacy tables, and back from there."""
    if LIVES[name]:
        with connect(shop) as connection:
            connection.exec_driver_sql(LIVES[name])
    else:
        columns_of_every_name(shop, "timestamptz")
    owner = shop.set(username=OWNER)
    with connect(owner) as connection:
        assert [one.question.name for one in run_preflight(connection, tmp_path).stopping] == []

    run_deployment(owner)
    for mode in (Mode.INCREMENTAL, Mode.LIVE, Mode.MATERIALIZED):
        with Deployer(create_database_engine(owner), ignore) as deployer:
            switch(deployer, mode)
        write_and_verify(owner)
    with Deployer(create_database_engine(owner), ignore) as deployer:
        install(deployer)
    write_and_verify(owner)
    with connect(owner) as connection:
        compared = "SELECT missing + wrong + phantom FROM inventory_ops.log_differences()"
        assert connection.exec_driver_sql(compared).scalar_one() == 0
    with Deployer(create_database_engine(owner), ignore) as deployer:
        remove(deployer)
        revert(deployer)
    run_deployment(owner)
    write_and_verify(owner)
    make_ready(shop, IN_15_DAYS)
    with connect(owner) as connection:
        connection.exec_driver_sql("DELETE FROM inventory_ops.legacy_write")
    with Deployer(create_database_engine(owner), ignore) as deployer:
        assert retire(deployer, LEGACY_RETIREMENT, dry_run=False, now=IN_15_DAYS)
        assert revert(deployer, remake_legacy=True)


def write_and_verify(url: URL) -> None:
    """What both versions write, as a row that is new each time, then what verify asks."""
    with closing(connect(url)) as connection:
        for statement in [*RESERVATIONS, *WRITES]:
            if not statement.startswith("DELETE FROM inventory.stock "):
                connection.exec_driver_sql(statement)
                assert differences(connection) == [], statement
        assert [one.name for one in VALIDATIONS if not one.ask(connection).passed] == []


def test_there_are_forty() -> None:
    assert len(SHOPS) >= 40
