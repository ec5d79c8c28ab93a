"""The way back: the schema of before, nothing lost that was written since, and the way forward open again."""

import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError

from soleflip_assets.checks.validations import VALIDATIONS
from soleflip_assets.definitions import defs
from soleflip_assets.deploying.deployer import Deployer, DeploymentError
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.ground.settings import DATABASE_URL, HOME
from soleflip_assets.metrics.mode import Mode
from soleflip_assets.phase2.preflight import run_preflight
from soleflip_assets.phase2.revert import CARRY_BACK, STEPS, revert
from soleflip_assets.phase2.steps import PHASE2_FILES
from tests.conftest import Databases, connect
from tests.integration.phase2.deaths import CHANGES, Crash, CrashError
from tests.integration.phase2.deployment import ignore, run_deployment
from tests.integration.phase2.state import State, contents

DAGSTERS_OWN_WARNING = pytest.mark.filterwarnings("ignore:.*InitResourceContext.dagster_run")
BYPASSED = "SET session_replication_role = replica"
LISTINGS = (
    '[{"platform": "goat", "listing_id": "1", "listed_at": "2025-12-01", "status": "active"}]'
)

# Of schema inventory alone: inventory_ops stays, and so does what is in it.
_SCHEMA = {
    "relations": """
        SELECT relname, relkind, relacl::text, obj_description(oid, 'pg_class') FROM pg_class
        WHERE relnamespace = 'inventory'::regnamespace""",
    "columns": """
        SELECT relname, row_number() OVER (PARTITION BY attrelid ORDER BY attnum), attname,
          format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid),
          col_description(attrelid, attnum)
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE relnamespace = 'inventory'::regnamespace AND attnum > 0 AND NOT attisdropped""",
    "indexes": """
        SELECT pg_get_indexdef(indexrelid), indisvalid FROM pg_index
        JOIN pg_class ON pg_class.oid = indexrelid WHERE relnamespace = 'inventory'::regnamespace""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated
        FROM pg_constraint WHERE connamespace = 'inventory'::regnamespace""",
    "functions": "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'inventory'::regnamespace",
    "triggers": "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal",
}


def schema(url: URL) -> State:
    with connect(url) as connection:
        return {
            name: sorted((tuple(row) for row in connection.execute(text(query))), key=repr)
            for name, query in _SCHEMA.items()
        }


def run_revert(url: URL) -> bool:
    with Deployer(create_database_engine(url), ignore) as deployer:
        return revert(deployer)


def bypass(url: URL, *statements: str) -> None:
    with connect(url) as connection:
        for statement in (BYPASSED, *statements):
            connection.exec_driver_sql(statement)


def first_without(connection: Connection, table: str) -> str:
    """A stock row that has no row in a legacy table."""
    query = f"SELECT id FROM inventory.stock WHERE id NOT IN (SELECT stock_id FROM inventory.{table}) LIMIT 1"
    return str(connection.exec_driver_sql(query).scalar_one())


def all_passed(url: URL) -> bool:
    with connect(url) as connection:
        return all(validation.ask(connection).passed for validation in VALIDATIONS)


@pytest.mark.parametrize("sample", ["busy", "production"])
def test_schema_and_rows_are_those_of_before(
    databases_of_each_version: Databases, sample: Any
) -> None:
    url = databases_of_each_version.legacy(sample)
    before = schema(url), contents(url)
    run_deployment(url)
    assert schema(url) != before[0]

    assert run_revert(url)

    assert (schema(url), contents(url)) == before


def test_what_the_new_version_wrote_is_in_the_legacy_tables(databases: Databases) -> None:
    """Where a stock row had legacy rows and where it had none."""
    url = databases.deployed("production")
    written = {"listings": LISTINGS, "history": "[]"}
    with connect(url) as connection:
        (known, new) = connection.exec_driver_sql(
            "SELECT id FROM inventory.stock LIMIT 2"
        ).scalars()
        connection.execute(
            text(
                "INSERT INTO inventory.stock_lifecycle (stock_id, shelf_life_days) VALUES (:id, 7)"
            ),
            {"id": known},
        )
        for stock_id in (known, new):
            connection.execute(
                text(
                    "UPDATE inventory.stock SET quantity = 5, reserved_quantity = 2, "
                    "listed_on_platforms = CAST(:listings AS jsonb), "
                    "status_history = CAST(:history AS jsonb) "
                    "WHERE id = :id"
                ),
                {"id": stock_id, **written},
            )

    run_revert(url)

    with connect(url) as connection:
        lifecycle = connection.execute(
            text(
                "SELECT stock_id FROM inventory.stock_lifecycle "
                "WHERE listed_on_platforms = CAST(:listings AS jsonb) AND status_history = '[]'"
            ),
            written,
        )
        assert {*lifecycle.scalars()} == {known, new}
        metrics = connection.exec_driver_sql(
            "SELECT stock_id, available_quantity, reserved_quantity FROM inventory.stock_metrics"
        )
        assert {tuple(row) for row in metrics} == {(known, 3, 2), (new, 3, 2)}


def test_rows_are_created_where_a_trigger_was_bypassed(databases: Databases) -> None:
    url = databases.deployed("production")
    with connect(url) as connection:
        stock_id = first_without(connection, "stock_metrics")
    bypass(
        url,
        "UPDATE inventory.stock SET quantity = 5, reserved_quantity = 3, gross_purchase_price = 200, "
        f"roi_percentage = 25, shelf_life_days = 9, listed_on_platforms = '{LISTINGS}' "
        f"WHERE id = '{stock_id}'",
    )

    run_revert(url)

    with connect(url) as connection:
        metrics = connection.exec_driver_sql(
            "SELECT stock_id::text, available_quantity, reserved_quantity, total_cost, expected_profit "
            "FROM inventory.stock_metrics"
        )
        assert [tuple(row) for row in metrics] == [(stock_id, 2, 3, 200, 50)]
        lifecycle = connection.exec_driver_sql(
            "SELECT stock_id::text, shelf_life_days, listed_on_platforms ->0 ->>'platform', status_history "
            "FROM inventory.stock_lifecycle"
        )
        assert [tuple(row) for row in lifecycle] == [(stock_id, 9, "goat", None)]


@pytest.mark.parametrize(
    ("bypassing", "column"),
    [
        ("UPDATE inventory.stock SET listed_on_platforms = '[1]' WHERE id = '{id}'", "listed_on_platforms"),
        ("UPDATE inventory.stock SET status_history = NULL WHERE id = '{id}'", "status_history"),
        ("UPDATE inventory.stock SET reserved_quantity = 99 WHERE id = '{id}'", "reserved_quantity"),
        ("UPDATE inventory.stock_metrics SET reserved_quantity = 99 WHERE stock_id = '{id}'",
         "reserved_quantity"),
    ],
)  # fmt: skip
def test_what_cannot_be_carried_is_refused_with_the_list(
    deployed: URL, bypassing: str, column: str
) -> None:
    """And nothing is dropped: the shop goes on as it was."""
    with connect(deployed) as connection:
        query = "SELECT stock_id::text FROM inventory.stock_lifecycle WHERE status_history <> '[]' LIMIT 1"
        stock_id = connection.exec_driver_sql(query).scalar_one()
    bypass(deployed, bypassing.format(id=stock_id))
    before = schema(deployed), contents(deployed)

    with pytest.raises(DeploymentError, match=f"1 stock rows .*: stock {stock_id}: {column}"):
        run_revert(deployed)

    assert (schema(deployed), contents(deployed)) == before


BUILT = {
    "function that names the view": (
        "FUNCTION f() RETURNS uuid LANGUAGE sql AS 'SELECT stock_id FROM inventory.stock_metrics_view'",
        "function f()",
    ),
    "function that uses a column": (
        "FUNCTION f() RETURNS bigint BEGIN ATOMIC SELECT sum(reserved_quantity) FROM inventory.stock; END",
        "function f()",
    ),
    "policy": ("POLICY mine ON inventory.stock USING (reserved_quantity < 7)", "policy mine"),
    "view that says when": (
        "VIEW public.age AS SELECT max(last_calculated_at) FROM inventory.stock_metrics_view",
        "view public.age: it reads inventory.stock_metrics_view.last_calculated_at",
    ),
    "index on a column": ("INDEX mine ON inventory.stock (status, reserved_quantity)", "INDEX mine ON"),
    "index on the view": ("INDEX mine ON inventory.stock_metrics_view (total_cost)", "INDEX mine ON"),
    "statistics": (
        "STATISTICS mine ON quantity, reserved_quantity FROM inventory.stock",
        "CREATE STATISTICS public.mine",
    ),
}  # fmt: skip


@pytest.mark.parametrize("built", BUILT)
def test_what_others_built_is_refused_with_its_definition(deployed: URL, built: str) -> None:
    """O1: and nothing is dropped."""
    statement, name = BUILT[built]
    with connect(deployed) as connection:
        connection.exec_driver_sql(f"CREATE {statement}")
    before = schema(deployed)

    with pytest.raises(DeploymentError, match=rf"move or drop these first.*{re.escape(name)}"):
        run_revert(deployed)

    assert schema(deployed) == before


def test_check_of_the_shops_on_a_new_column_is_refused(deployed: URL) -> None:
    with connect(deployed) as connection:
        connection.exec_driver_sql(
            "ALTER TABLE inventory.stock ADD CONSTRAINT mine CHECK (reserved_quantity < 1000)"
        )

    with pytest.raises(DeploymentError, match=r"constraint mine: CHECK"):
        run_revert(deployed)


DASHBOARD = """
    CREATE VIEW public.available WITH (security_barrier) AS
    SELECT stock_id, available_quantity, expected_profit FROM inventory.stock_metrics_view;
    COMMENT ON VIEW public.available IS 'what is left';
    GRANT SELECT ON public.available TO PUBLIC;
    CREATE VIEW public.total AS SELECT sum(available_quantity) FROM public.available;
    CREATE MATERIALIZED VIEW public.reserved AS
    SELECT s.id, s.reserved_quantity, s.listed_on_platforms ->0 ->>'platform' AS first, v.total_cost
    FROM inventory.stock AS s JOIN inventory.stock_metrics_view AS v ON v.stock_id = s.id;
    CREATE UNIQUE INDEX reserved_key ON public.reserved (id);
    CREATE VIEW public.histories AS
    SELECT id, status_history FROM inventory.stock WHERE status_history <> '[]';
    CREATE VIEW public.units AS SELECT quantity FROM inventory.stock;
"""  # fmt: skip
DASHBOARD_IS = """
    SELECT relname, relkind, relacl::text, reloptions, obj_description(oid),
      ARRAY(SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = pg_class.oid)
    FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('v', 'm') ORDER BY 1
"""


@pytest.mark.parametrize("mode", Mode)
def test_dashboard_shows_the_same_from_the_legacy_tables(
    databases_of_each_version: Databases, mode: Mode
) -> None:
    """O3: of the view that goes, of the columns that go, and of both."""
    url = databases_of_each_version.deployed("busy", mode)

    def shown() -> list[Any]:
        with connect(url) as connection:
            names = ("available", "total", "reserved", "histories", "units")
            rows = [
                sorted(connection.exec_driver_sql(f"SELECT t::text FROM {name} AS t").scalars())
                for name in names
            ]
            return [*(tuple(row) for row in connection.exec_driver_sql(DASHBOARD_IS)), *rows]

    with connect(url) as connection:
        connection.exec_driver_sql(DASHBOARD)
    before = shown()

    assert run_revert(url)

    assert shown() == before
    with connect(url) as connection:
        connection.exec_driver_sql(
            "UPDATE inventory.stock_metrics SET reserved_quantity = reserved_quantity + 1"
        )
        connection.exec_driver_sql("REFRESH MATERIALIZED VIEW public.reserved")
    assert shown() != before, "it reads the legacy tables now"


def test_view_that_would_show_other_rows_is_refused(deployed: URL) -> None:
    """A reservation that is not known is 0 in the legacy tables. Nothing is dropped or rewritten."""
    with connect(deployed) as connection:
        connection.exec_driver_sql(
            "CREATE VIEW public.known AS SELECT id, reserved_quantity FROM inventory.stock"
        )
        bypass(
            deployed,
            "UPDATE inventory.stock SET reserved_quantity = NULL "
            "WHERE id = (SELECT stock_id FROM inventory.stock_metrics WHERE reserved_quantity = 0 LIMIT 1)",
        )
    before = schema(deployed)

    with pytest.raises(DeploymentError, match=r"would not show the same rows.*view public.known"):
        run_revert(deployed)

    assert schema(deployed) == before


def test_views_on_other_columns_of_stock_are_no_hindrance(deployed: URL) -> None:
    with connect(deployed) as connection:
        connection.exec_driver_sql(
            "CREATE VIEW public.units AS SELECT quantity FROM inventory.stock"
        )

    assert run_revert(deployed)


def test_bounds_of_the_application_go_with_the_column(deployed: URL, legacy: URL) -> None:
    with connect(deployed) as connection:
        connection.exec_driver_sql(
            "ALTER TABLE inventory.stock ADD CONSTRAINT stock_reserved_quantity_within_quantity "
            "CHECK (coalesce(reserved_quantity, 0) BETWEEN 0 AND quantity) NOT VALID"
        )

    run_revert(deployed)

    assert schema(deployed) == schema(legacy)


def test_deployment_after_a_revert_starts_anew(deployed: URL) -> None:
    """With backups of its own, twice; the earlier ones stay, each under its deployment's number."""
    expected = []
    for number in (1, 2):
        with connect(deployed) as connection:
            held = connection.exec_driver_sql(
                "SELECT * FROM inventory.stock_lifecycle_backup ORDER BY id"
            )
            expected.append((f"inventory_ops.stock_lifecycle_backup_{number}", [*held]))
        run_revert(deployed)
        with connect(deployed) as connection:
            connection.exec_driver_sql("DELETE FROM inventory.stock_lifecycle WHERE id IN "
                                       "(SELECT id FROM inventory.stock_lifecycle LIMIT 5)")  # fmt: skip
            connection.exec_driver_sql(
                "DELETE FROM inventory.stock WHERE id IN (SELECT id FROM inventory.stock LIMIT 5)"
            )
        run_deployment(deployed)
        assert all_passed(deployed)

    with connect(deployed) as connection:
        for name, rows in expected:
            assert [*connection.exec_driver_sql(f"SELECT * FROM {name} ORDER BY id")] == rows
        recorded = connection.exec_driver_sql(
            "SELECT backup, (inventory_ops.fingerprint(backup::regclass)).content = content "
            "FROM inventory_ops.backup"
        )
        found = {tuple(row) for row in recorded}
        assert len(found) == 9
        assert all(intact for _, intact in found)
        lives = connection.exec_driver_sql(
            "SELECT count(DISTINCT reverted_at), count(*) FILTER (WHERE reverted_at IS NULL) "
            "FROM inventory_ops.ledger"
        ).one()
        assert tuple(lives) == (2, len(PHASE2_FILES) + 1)


def test_nothing_to_revert_is_said(legacy: URL, deployed: URL) -> None:
    assert not run_revert(legacy)
    assert run_revert(deployed)
    assert not run_revert(deployed)


def test_retired_tables_leave_nothing_to_go_back_to(deployed: URL) -> None:
    with connect(deployed) as connection:
        connection.exec_driver_sql(
            "INSERT INTO inventory_ops.ledger (step, checksum, version, finished_at) "
            "VALUES ('drop_legacy_tables', '', '', '2026-01-02 03:04Z')"
        )

    with pytest.raises(DeploymentError, match=r"dropped on 2026-01-02 03:04 .*soleflip restore"):
        run_revert(deployed)


def revert_until_crash(url: URL, number: int) -> tuple[bool, int]:
    engine = create_database_engine(url)
    crash = Crash(engine, CHANGES, number)
    try:
        with Deployer(engine, ignore) as deployer:
            revert(deployer)
    except CrashError:
        return True, crash.count
    return False, crash.count


def test_revert_that_died_is_resumed(databases: Databases) -> None:
    """At each statement that changes something; and no deployment begins before it is finished."""
    legacy = databases.legacy("production")
    before = schema(legacy), contents(legacy)
    url = databases.deployed("production")
    number, crashes = 1, 0
    while revert_until_crash(url, number)[0]:
        with connect(url) as connection:
            entries = connection.exec_driver_sql(
                "SELECT step FROM inventory_ops.ledger WHERE reverted_at IS NULL"
            )
            begun = {step.name for step in [CARRY_BACK, *STEPS]} & {*entries.scalars()}
            stopping = {one.question.name for one in run_preflight(connection, Path()).stopping}
        assert ("no_revert_unfinished" in stopping) == bool(begun)
        number += 1
        crashes += 1

    assert crashes > 2 * len(STEPS)
    assert (schema(url), contents(url)) == before
    run_deployment(url)
    assert all_passed(url)


@pytest.mark.parametrize("step", [file.name for file in PHASE2_FILES])
def test_deployment_that_died_can_be_reverted(databases: Databases, step: str) -> None:
    url = databases.legacy("busy")
    before = schema(url), contents(url)
    with Deployer(create_database_engine(url), ignore) as deployer:
        for file in PHASE2_FILES:
            deployer.apply(file)
            if file.name == step:
                break

    assert run_revert(url) == (not step.startswith("1"))

    assert (schema(url), contents(url)) == before


@pytest.fixture
def writers(deployed: URL) -> Iterator[dict[str, int]]:
    """The old version at work in three threads, each on stock rows of its own.

    Yields what each wrote last, by stock id; the longest wait, in milliseconds, under ``"wait"``.
    """
    engine = create_database_engine(deployed)
    stop = threading.Event()
    written: dict[str, int] = {"wait": 0}
    with connect(deployed) as connection:
        ids = [
            *connection.exec_driver_sql(
                "SELECT stock_id::text FROM inventory.stock_metrics LIMIT 30"
            ).scalars()
        ]

    def write(mine: list[str]) -> None:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            number = 0
            while not stop.is_set():
                number += 1
                stock_id = mine[number % len(mine)]
                begun = time.monotonic()
                write_as_old_version(connection, stock_id, number)
                written["wait"] = max(written["wait"], round(1000 * (time.monotonic() - begun)))
                written[stock_id] = number

    with ThreadPoolExecutor(3) as pool:
        tasks = [pool.submit(write, ids[part::3]) for part in range(3)]
        try:
            while len(written) <= len(ids):
                assert not any(task.done() for task in tasks)
            yield written
        finally:
            stop.set()
        for task in tasks:
            task.result()


def write_as_old_version(connection: Connection, stock_id: str, number: int) -> None:
    """One statement to each legacy table, and one to a column of stock that was always there."""
    for table, assignment in {
        "stock_metrics SET reserved_quantity = 0, available_quantity": number,
        "stock_lifecycle SET updated_at = now(), shelf_life_days": number,
        "stock_financial SET updated_at = now(), vat_amount": number,
    }.items():
        execute_retrying_deadlocks(
            connection, f"UPDATE inventory.{table} = {assignment} WHERE stock_id = '{stock_id}'"
        )
    connection.exec_driver_sql(
        f"UPDATE inventory.stock SET notes = '{number}' WHERE id = '{stock_id}'"
    )


def execute_retrying_deadlocks(connection: Connection, statement: str) -> None:
    while True:
        try:
            connection.exec_driver_sql(statement)
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != "40P01":
                raise
        else:
            return


def test_old_version_goes_on_while_it_is_taken_back(
    deployed: URL, legacy: URL, writers: dict[str, int]
) -> None:
    """No write of it fails, is lost or waits for long: it never knew of Phase 2."""
    assert run_revert(deployed)
    after = dict(writers)
    while any(writers[name] == after[name] for name in after if name != "wait"):
        time.sleep(0.001)

    assert schema(deployed) == schema(legacy)
    with connect(deployed) as connection:
        rows = connection.exec_driver_sql(
            "SELECT s.id::text, "
            "least(s.notes::integer, m.available_quantity, l.shelf_life_days, f.vat_amount) "
            "FROM inventory.stock AS s JOIN inventory.stock_metrics AS m ON m.stock_id = s.id "
            "JOIN inventory.stock_lifecycle AS l ON l.stock_id = s.id "
            "JOIN inventory.stock_financial AS f ON f.stock_id = s.id WHERE s.notes ~ '^[0-9]+$'"
        )
        found = dict(map(tuple, rows))
    assert all(found[name] >= after[name] for name in after if name != "wait")
    assert writers["wait"] < 2500


@DAGSTERS_OWN_WARNING
def test_job_reverts_when_told_to(
    deployed: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the UI launches it, without a configuration, it changes nothing."""
    url = deployed.set(drivername="postgresql").render_as_string(hide_password=False)
    monkeypatch.setenv(DATABASE_URL, url)
    monkeypatch.setenv(HOME, str(tmp_path))

    with dg.DagsterInstance.ephemeral() as instance:
        job = defs.resolve_job_def("revert_phase2")
        for dry_run in (None, False):
            config = (
                {"ops": {"undo_phase2": {"config": {"dry_run": dry_run}}}}
                if dry_run is False
                else {}
            )
            assert job.execute_in_process(instance=instance, run_config=config).success
            assert _has_view(deployed) == (dry_run is None)


def _has_view(url: URL) -> bool:
    with connect(url) as connection:
        view = connection.exec_driver_sql("SELECT to_regclass('inventory.stock_metrics_view')")
        return view.scalar_one() is not None
