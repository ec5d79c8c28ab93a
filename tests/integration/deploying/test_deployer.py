"""The engine that applies sql/phase2: alone, patient, and mending what somebody changed by hand."""

import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError

from soleflip_assets.deploying import catalog
from soleflip_assets.deploying.changes import Action, Outcome
from soleflip_assets.deploying.deployer import (
    AnotherDeployerError,
    Deployer,
    DeploymentError,
)
from soleflip_assets.embedded.postgres import EMBEDDED_PROGRAMS
from soleflip_assets.ground import retrying
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.ground.settings import Sample
from soleflip_assets.phase2 import backfill
from tests.conftest import Databases, connect
from tests.integration.phase2.deployment import await_row, ignore, run_deployment
from tests.integration.phase2.state import State, logical, physical

LOCK_A_LATE_ROW = "SELECT id FROM inventory.stock ORDER BY id OFFSET 700 LIMIT 1 FOR UPDATE"
INDEX = "70_idx_stock_reserved"
REFRESH = "function inventory.refresh_stock_metrics"
VIEW = "materialized view inventory.stock_metrics_view"

# What somebody does by hand; the step that notices; what it says was altered: nothing where it is missing.
TAMPERINGS = {
    "function body": (
        "CREATE OR REPLACE FUNCTION inventory.refresh_stock_metrics() RETURNS void LANGUAGE sql AS 'SELECT'",
        "80_refresh_stock_metrics",
        [REFRESH],
    ),
    "function setting": (
        "ALTER FUNCTION inventory.refresh_stock_metrics() RESET search_path",
        "80_refresh_stock_metrics",
        [REFRESH],
    ),
    "function dropped": (
        "DROP FUNCTION inventory.refresh_stock_metrics()",
        "80_refresh_stock_metrics",
        [],
    ),
    "view with a WHERE": (
        """
        DROP MATERIALIZED VIEW inventory.stock_metrics_view;
        CREATE MATERIALIZED VIEW inventory.stock_metrics_view AS
        SELECT id AS stock_id, quantity AS total_quantity, quantity AS available_quantity
        FROM inventory.stock WHERE quantity > 0;
        CREATE UNIQUE INDEX idx_stock_metrics_view_stock_id ON inventory.stock_metrics_view (stock_id);
        """,
        "81_stock_metrics_view",
        [VIEW],
    ),
    "view with other columns under the same index name": (
        """
        DROP MATERIALIZED VIEW inventory.stock_metrics_view;
        CREATE MATERIALIZED VIEW inventory.stock_metrics_view AS SELECT id FROM inventory.stock;
        CREATE UNIQUE INDEX idx_stock_metrics_view_stock_id ON inventory.stock_metrics_view (id);
        """,
        "81_stock_metrics_view",
        [VIEW],
    ),
    "view dropped": (
        "DROP MATERIALIZED VIEW inventory.stock_metrics_view",
        "81_stock_metrics_view",
        [],
    ),
    "view's index without its predicate": (
        """
        DROP INDEX inventory.idx_stock_metrics_view_available;
        CREATE INDEX idx_stock_metrics_view_available ON inventory.stock_metrics_view (available_quantity);
        """,
        "81_stock_metrics_view",
        ["index inventory.idx_stock_metrics_view_available"],
    ),
    "index on other columns": (
        """
        DROP INDEX inventory.idx_stock_reserved;
        CREATE INDEX idx_stock_reserved ON inventory.stock (reserved_quantity) WHERE reserved_quantity > 0;
        """,
        INDEX,
        ["index inventory.idx_stock_reserved"],
    ),
    "index left invalid": (
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'inventory.idx_stock_reserved'::regclass",
        INDEX,
        ["index inventory.idx_stock_reserved"],
    ),
    "index dropped": ("DROP INDEX inventory.idx_stock_reserved", INDEX, []),
    "trigger disabled": (
        "ALTER TABLE inventory.stock_metrics DISABLE TRIGGER soleflip_metrics_to_stock",
        "50_synchronisation",
        ["trigger soleflip_metrics_to_stock on inventory.stock_metrics"],
    ),
    "trigger without its condition": (
        """
        CREATE OR REPLACE TRIGGER soleflip_metrics_to_stock
        AFTER INSERT OR DELETE OR UPDATE OF stock_id, reserved_quantity ON inventory.stock_metrics
        FOR EACH ROW EXECUTE FUNCTION inventory_ops.metrics_to_stock()
        """,
        "50_synchronisation",
        ["trigger soleflip_metrics_to_stock on inventory.stock_metrics"],
    ),
    "trigger dropped": (
        "DROP TRIGGER soleflip_record_deletion ON inventory.stock",
        "30_stock_baseline",
        [],
    ),
    "trigger function": (
        """
        CREATE OR REPLACE FUNCTION inventory_ops.record_stock_deletion() RETURNS trigger
        LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'
        """,
        "30_stock_baseline",
        ["function inventory_ops.record_stock_deletion"],
    ),
}


@pytest.mark.parametrize(("change", "step", "altered"), TAMPERINGS.values(), ids=TAMPERINGS)
def test_mends_what_was_changed_by_hand_and_says_so(
    deployed: URL, undisturbed: State, change: str, step: str, altered: list[str]
) -> None:
    with connect(deployed) as connection:
        connection.execute(text(change))
    assert logical(deployed) != undisturbed

    outcomes = run_deployment(deployed)

    (outcome,) = (o for o in outcomes if o.applied)
    assert (outcome.step, outcome.action) == (step, Action.MEND)
    assert outcome.names(catalog.State.ALTERED) == altered
    assert bool(outcome.names(catalog.State.MISSING)) != bool(altered)
    assert logical(deployed) == undisturbed


def test_second_deployer_is_told_who_deploys(legacy: URL) -> None:
    with Deployer(create_database_engine(legacy, "anna's shell"), ignore) as first:
        pid = first.connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        with pytest.raises(
            AnotherDeployerError, match=rf"postgres \(anna's shell, .* {pid}\) .* since"
        ):
            Deployer(create_database_engine(legacy), ignore)
    run_deployment(legacy)


def test_lock_is_given_back_before_the_session_ends(legacy: URL) -> None:
    """The server may be slow to notice that a session was closed; the next deployer is not refused."""
    pooled = create_engine(create_database_engine(legacy).url, pool_size=1)
    Deployer(pooled, ignore).close()
    assert pooled.pool.checkedin() == 1  # type: ignore[attr-defined]
    Deployer(create_database_engine(legacy), ignore).close()
    pooled.dispose()


def test_deployer_whose_session_was_ended_closes_without_a_word(legacy: URL) -> None:
    with Deployer(create_database_engine(legacy), ignore) as deployer:
        pid = deployer.connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        with connect(legacy) as connection:
            connection.execute(text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": pid})
    Deployer(create_database_engine(legacy), ignore).close()


def test_second_deployer_with_fewer_rights_is_told_who_deploys(deployed: URL) -> None:
    """Who may not look at another user's session does not see since when it is there."""
    with connect(deployed) as connection:
        connection.execute(text("DROP ROLE IF EXISTS clerk"))
        connection.execute(text("CREATE ROLE clerk LOGIN"))
    clerk = create_database_engine(deployed.set(username="clerk"))
    told = pytest.raises(AnotherDeployerError, match=r"postgres \(anna's shell, .*\) is deploying:")
    with Deployer(create_database_engine(deployed, "anna's shell"), ignore), told:
        Deployer(clerk, ignore)


@pytest.mark.parametrize("mode", ["ACCESS SHARE", "ROW EXCLUSIVE", "ACCESS EXCLUSIVE"])
def test_lock_held_for_a_moment_is_waited_for(legacy: URL, undisturbed: State, mode: str) -> None:
    waits = []

    with create_database_engine(legacy).connect() as shop:
        shop.execute(text(f"LOCK TABLE inventory.stock IN {mode} MODE"))

        def release(sentence: str) -> None:
            if "a lock was not acquired within 500 ms (try 1)" in sentence:
                waits.append(sentence)
                shop.rollback()

        run_deployment(legacy, release)

    assert waits
    assert logical(legacy) == undisturbed


def test_lock_held_for_ever_stops_the_deployment_and_the_next_one_goes_on(
    legacy: URL, undisturbed: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrying, "LOCK_ATTEMPTS", 2)
    with create_database_engine(legacy).connect() as shop:
        shop.execute(text("SELECT count(*) FROM inventory.stock"))
        with pytest.raises(
            DeploymentError, match="could not be acquired in 2 tries: end the long transaction"
        ):
            run_deployment(legacy)

    outcomes = run_deployment(legacy)

    assert not {o.step for o in outcomes if o.applied} & {
        "30_stock_baseline",
        "21_stock_lifecycle_backup",
    }
    assert logical(legacy) == undisturbed


def test_row_held_for_ever_stops_the_backfill_and_the_next_one_goes_on(
    legacy: URL, undisturbed: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrying, "LOCK_ATTEMPTS", 1)
    monkeypatch.setattr(backfill, "_FIRST_BATCH", 200)
    with create_database_engine(legacy).connect() as shop:
        # Waits for the triggers of the synchronisation, so that only the backfill meets the lock.
        def hold(sentence: str) -> None:
            if sentence.startswith("60_"):
                shop.execute(text(LOCK_A_LATE_ROW))

        with pytest.raises(DeploymentError, match="stayed locked through 1 tries: end the long"):
            run_deployment(legacy, hold)

    run_deployment(legacy)

    assert logical(legacy) == undisturbed


WAITING_INDEX_BUILD = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND query LIKE 'CREATE INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'
  AND clock_timestamp() - query_start > CAST(:wait AS interval)
"""


@pytest.fixture
def index_build(legacy: URL) -> Iterator[tuple[Future[list[Outcome]], Connection]]:
    """A deployment in the background whose index builds wait for a transaction that wrote to stock."""
    with create_database_engine(legacy).connect() as shop, ThreadPoolExecutor() as pool:

        def write(sentence: str) -> None:
            if sentence.startswith("backfill: "):
                shop.execute(text("UPDATE inventory.stock SET notes = notes"))

        yield pool.submit(run_deployment, legacy, write), shop


def test_index_build_outwaits_an_old_transaction(
    legacy: URL, undisturbed: State, index_build: tuple[Future[list[Outcome]], Connection]
) -> None:
    """Under a short lock timeout it would leave an invalid index behind, on every try another one."""
    deployment, shop = index_build
    with connect(legacy) as observer:
        await_row(observer, WAITING_INDEX_BUILD, wait="0.6s")

    shop.rollback()
    deployment.result()

    assert logical(legacy) == undisturbed


def test_invalid_index_of_an_interrupted_build_is_dropped_and_built_again(
    legacy: URL, undisturbed: State, index_build: tuple[Future[list[Outcome]], Connection]
) -> None:
    deployment, shop = index_build
    with connect(legacy) as observer:
        (pid,) = await_row(observer, WAITING_INDEX_BUILD, wait="0s")
        observer.execute(text("SELECT pg_cancel_backend(:pid)"), {"pid": pid})
        with pytest.raises(OperationalError, match="canceling statement due to user request"):
            deployment.result()
    shop.rollback()
    indexes = {name: valid for name, _, valid, _ in logical(legacy)["indexes"]}
    assert indexes["inventory.idx_stock_reserved"] is False

    run_deployment(legacy)

    assert logical(legacy) == undisturbed


@pytest.mark.parametrize("table", ["stock_financial", "stock_lifecycle", "stock_metrics"])
def test_backup_that_is_not_ours_is_moved_aside_and_kept(legacy: URL, table: str) -> None:
    with connect(legacy) as connection:
        connection.execute(
            text(f"CREATE TABLE inventory.{table}_backup AS SELECT 'anna''s' AS owner")
        )

    run_deployment(legacy)

    with connect(legacy) as connection:
        kept = connection.scalar(text(f"SELECT owner FROM inventory_ops.{table}_backup_by_hand"))
        copied = connection.scalar(text(f"SELECT count(*) FROM inventory.{table}_backup"))
        there = connection.scalar(text(f"SELECT count(*) FROM inventory.{table}"))
    assert kept == "anna's"
    assert copied
    assert copied <= (there or 0)


@pytest.mark.parametrize("sample", ["production", "busy"])
def test_deploying_again_writes_nothing_at_all(
    databases_of_each_version: Databases, sample: Sample
) -> None:
    url = databases_of_each_version.deployed(sample)
    before = physical(url)

    outcomes = run_deployment(url)

    assert [str(o) for o in outcomes if o.applied] == []
    assert physical(url) == before


def test_nothing_looks_changed_after_a_dump_and_restore(
    databases: Databases, deployed: URL
) -> None:
    """PostgreSQL prints what it restored as it printed what it dumped, so a deployment finds all in force."""
    restored = databases.empty()
    dump = subprocess.run(
        [EMBEDDED_PROGRAMS / "pg_dump", "--format=custom", f"--dbname={_libpq(deployed)}"],
        stdout=subprocess.PIPE,
        check=True,
    )
    subprocess.run(
        [EMBEDDED_PROGRAMS / "pg_restore", "--exit-on-error", f"--dbname={_libpq(restored)}"],
        input=dump.stdout,
        check=True,
    )

    assert [outcome for outcome in run_deployment(restored) if outcome.applied] == []


def _libpq(url: URL) -> str:
    return url.render_as_string(hide_password=False)
