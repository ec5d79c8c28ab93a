"""`soleflip deploy`, `verify` and `refresh` against databases of their user's own."""

import json
import os
from pathlib import Path
from threading import Thread
from typing import Any

import dagster as dg
import psycopg
import pytest
from sqlalchemy import Connection
from sqlalchemy.engine import URL

from soleflip_assets.checks.validations import VALIDATIONS
from soleflip_assets.embedded.postgres import PostgresServer
from soleflip_assets.ground.database import execute_statement
from soleflip_assets.ground.settings import Sample
from tests.conftest import Databases, connect
from tests.e2e.conftest import Soleflip
from tests.e2e.processes import awaited

# Dagster's own replace_config reads what Dagster itself deprecates; Apprise imports imghdr.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*InitResourceContext.dagster_run"),
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]

NAMES = {validation.name for validation in VALIDATIONS}


def verified(soleflip: Soleflip, url: URL) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code of ``soleflip verify --json``, and its results by check."""
    result = soleflip("verify", "--json", url=url)
    results = json.loads(result.stdout)
    return result.exit_code, {found["check"]: found for found in results}


def failed(results: dict[str, dict[str, Any]]) -> set[str]:
    """The checks that did not pass."""
    return {check for check, found in results.items() if not found["passed"]}


@pytest.mark.parametrize(
    ("server", "sample"), [("databases", "production"), ("databases_15", "busy")]
)
def test_deploy_and_verify(
    request: pytest.FixtureRequest, soleflip: Soleflip, home: Path, server: str, sample: Sample
) -> None:
    """On each version, on one of the samples: proven, and a second time nothing is changed."""
    databases: Databases = request.getfixturevalue(server)
    url = databases.legacy(sample)
    first = soleflip("deploy", url=url)
    assert first.exit_code == 0, first.output

    code, results = verified(soleflip, url)
    assert code == 0
    assert results.keys() == NAMES
    for found in results.values():
        assert found.keys() == {"check", "asset", "passed", "severity", "observed"}
        assert found["passed"] is True
        assert found["severity"] == "ERROR"
        assert found["observed"]

    with connect(url) as connection:
        before = _what_a_deployment_made(connection)
        again = soleflip("deploy", url=url)
        assert again.exit_code == 0, again.output
        assert _what_a_deployment_made(connection) == before
    assert "applied" not in again.output
    assert "mended" not in again.output
    assert len(list((home / "dumps").glob("*.dump"))) == 1


def _what_a_deployment_made(connection: Connection) -> list[Any]:
    """Objects by identity, the ledger, and which version of each stock row is there."""
    queries = (
        """
        SELECT oid, relfilenode FROM pg_class
        WHERE relnamespace = 'inventory'::regnamespace AND relkind <> 'm' ORDER BY oid
        """,
        "SELECT oid, xmin::text FROM pg_proc WHERE pronamespace = 'inventory_ops'::regnamespace ORDER BY 1",
        "SELECT id, step, finished_at FROM inventory_ops.ledger ORDER BY 1",
        "SELECT id, ctid::text, xmin::text FROM inventory.stock ORDER BY 1",
    )
    return [[tuple(row) for row in connection.exec_driver_sql(query)] for query in queries]


# What happens, and the one check that must fail then.
LOSSES = {
    "a row of a backup": (
        """
        DELETE FROM inventory.stock_lifecycle_backup
        WHERE id = (SELECT min(id::text)::uuid FROM inventory.stock_lifecycle_backup)
        """,
        "stock_lifecycle_backup_complete",
    ),
    "a price behind the triggers": (
        """
        SET session_replication_role = replica;
        UPDATE inventory.stock_financial SET purchase_price = purchase_price + 1
        WHERE stock_id = (SELECT min(stock_id::text)::uuid FROM inventory.stock_financial)
        """,
        "financial_data_consistent",
    ),
    "a row of the view": (
        """
        DO $$
        DECLARE
          query text := rtrim(pg_get_viewdef('inventory.stock_metrics_view'::regclass), ';');
          lost text := (SELECT min(id::text) FROM inventory.stock);
        BEGIN
          DROP MATERIALIZED VIEW inventory.stock_metrics_view;
          EXECUTE format(
            'CREATE MATERIALIZED VIEW inventory.stock_metrics_view AS %s WHERE s.id <> %L', query, lost
          );
        END $$
        """,
        "view_count_matches_stock_count",
    ),
}


@pytest.mark.parametrize(("damage", "named"), LOSSES.values(), ids=LOSSES.keys())
def test_verify_names_what_was_lost(
    soleflip: Soleflip, databases: Databases, damage: str, named: str
) -> None:
    url = databases.deployed("busy")
    with connect(url) as connection:
        execute_statement(connection, damage)
    code, results = verified(soleflip, url)
    assert code == 1
    assert failed(results) == {named}
    assert results[named]["severity"] == "ERROR"


def test_verify_tells_a_person_what_failed_and_what_it_means(
    soleflip: Soleflip, databases: Databases
) -> None:
    url = databases.deployed("busy")
    with connect(url) as connection:
        connection.exec_driver_sql(LOSSES["a row of a backup"][0])
    result = soleflip("verify", url=url)
    assert result.exit_code == 1
    assert "✗ stock_lifecycle_backup_complete" in result.output
    assert "Traceback" not in result.output


def test_what_came_changed_and_went_since_the_refresh_is_pending(
    soleflip: Soleflip, databases: Databases
) -> None:
    """A living shop fails no check; its three differences are counted."""
    url = databases.deployed("busy")
    with connect(url) as connection:
        connection.exec_driver_sql("""
            INSERT INTO inventory.stock (id, product_id, size_id, quantity, status)
            SELECT gen_random_uuid(), product_id, size_id, 1, 'in_stock' FROM inventory.stock LIMIT 1
        """)
        connection.exec_driver_sql("""
            UPDATE inventory.stock SET quantity = quantity + 1
            WHERE id = (SELECT min(stock_id::text)::uuid FROM inventory.stock_metrics_view)
        """)
        connection.exec_driver_sql("""
            DELETE FROM inventory.stock
            WHERE id = (SELECT max(stock_id::text)::uuid FROM inventory.stock_metrics_view)
        """)
    code, results = verified(soleflip, url)
    assert code == 0, failed(results)
    counts = results["view_count_matches_stock_count"]["observed"]
    assert counts["pending_inserts"] == 1
    assert counts["pending_deletes"] == 1
    assert results["view_rows_match_query"]["observed"]["pending_changes"] == 1

    assert soleflip("refresh", url=url).exit_code == 0
    _, results = verified(soleflip, url)
    assert results["view_count_matches_stock_count"]["observed"]["pending_inserts"] == 0


# What is changed: of which asset it is a part, and how.
CHANGES = {
    "view inventory.stock_metrics_view": (
        "inventory/stock_metrics_view",
        """
        DROP MATERIALIZED VIEW inventory.stock_metrics_view;
        CREATE MATERIALIZED VIEW inventory.stock_metrics_view AS
        SELECT id AS stock_id, quantity AS total_quantity, quantity AS available_quantity
        FROM inventory.stock
        """,
    ),
    "index inventory.idx_stock_reserved": (
        "inventory/stock",
        """
        DROP INDEX inventory.idx_stock_reserved;
        CREATE INDEX idx_stock_reserved ON inventory.stock (reserved_quantity)
        """,
    ),
    "function inventory.refresh_stock_metrics": (
        "inventory/stock_metrics_view",
        """
        CREATE OR REPLACE FUNCTION inventory.refresh_stock_metrics() RETURNS void LANGUAGE sql
        AS 'REFRESH MATERIALIZED VIEW inventory.stock_metrics_view'
        """,
    ),
}


def test_deploy_mends_what_was_changed_by_hand_and_says_so(
    soleflip: Soleflip, databases: Databases
) -> None:
    """On the terminal, and in the asset's metadata for who looks at the UI."""
    url = databases.deployed("busy")
    with connect(url) as connection:
        for _, statement in CHANGES.values():
            execute_statement(connection, statement)
    result = soleflip("deploy", url=url)
    assert result.exit_code == 0, result.output
    for changed, (asset, _) in CHANGES.items():
        assert any("mended" in line and changed in line for line in result.output.splitlines())
        assert changed in _last_metadata(asset)["altered"]
    assert "mended" not in soleflip("deploy", url=url).output


def _last_metadata(asset: str) -> dict[str, Any]:
    with dg.DagsterInstance.get() as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey(asset.split("/")))
    assert event is not None
    assert event.asset_materialization is not None
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}


def test_database_that_goes_away_is_a_failed_run_and_no_failed_check(
    soleflip: Soleflip, home: Path, databases: Databases
) -> None:
    """A crash of the server says nothing of the data."""
    server = PostgresServer(home / "postgres")
    with server.running():
        own = Databases(server)
        url = own.deployed("production")
        crash = Thread(target=_crash_once_somebody_waits, args=(server, url))
        crash.start()
        code, results = verified(soleflip, url)
        crash.join()
    assert code == 1
    assert len(results) < len(NAMES)
    assert failed(results) == set()


def _crash_once_somebody_waits(server: PostgresServer, url: URL) -> None:
    """Hold the table that the checks read, and crash while one waits for it."""
    address = url.render_as_string(hide_password=False)
    locker = psycopg.connect(address)
    locker.execute("LOCK TABLE inventory.stock IN ACCESS EXCLUSIVE MODE")
    with psycopg.connect(address, autocommit=True) as observer:
        waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        awaited(lambda: observer.execute(waiting).rowcount)
    server.stop("immediate")
    locker.close()


def test_housekeeping(soleflip: Soleflip, home: Path, databases: Databases) -> None:
    """Says what would go, and then lets it go; on a database where Phase 2 is not deployed, too."""
    url = databases.legacy("production")
    reports = home / "reports"
    reports.mkdir()
    for number in range(2):
        (reports / f"phase2_{number}.md").write_text("# Phase 2")
        os.utime(reports / f"phase2_{number}.md", (number, number))
    environment = {"SOLEFLIP_KEEP_REPORTS": "1"}

    announced = soleflip("housekeeping", "--dry-run", url=url, **environment)
    assert announced.exit_code == 0, announced.output
    assert "would delete 0 runs" in announced.output
    assert "phase2_0.md" in announced.output
    assert len([*reports.iterdir()]) == 2

    assert soleflip("housekeeping", url=url, **environment).exit_code == 0
    assert [path.name for path in reports.iterdir()] == ["phase2_1.md"]


def test_home_of_any_name_works(
    soleflip: Soleflip, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Down to pg_dump and Dagster's own storage; nothing in the name is run by a shell."""
    monkeypatch.delenv("DAGSTER_POSTGRES_URL")
    monkeypatch.chdir(home)
    odd = home / 'a, b\'s "x" $(touch mine) 100%'
    result = soleflip("deploy", SOLEFLIP_HOME=str(odd))
    assert result.exit_code == 0, result.output
    assert [path.name for path in home.iterdir()] == [odd.name]
    kept = {"dagster", "dumps", "postgres", "reports"}
    assert kept <= {path.name for path in odd.iterdir()}
    for path in (*odd.glob("dumps/*"), *odd.glob("reports/*"), *odd.glob("dagster/*")):
        assert path.stat().st_mode & 0o077 == 0, path
