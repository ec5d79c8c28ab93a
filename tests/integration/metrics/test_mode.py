"""Switching the view from one mode to another, and everything that goes on unchanged in each."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Event
from uuid import UUID

import dagster as dg
import psycopg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from soleflip_assets.checks.validations import VALIDATIONS, validation_spec, validations_of
from soleflip_assets.commands.status import advice_on_mode
from soleflip_assets.deploying.deployer import Deployer, DeploymentError
from soleflip_assets.ground.assets import key_of
from soleflip_assets.ground.database import query_one
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.ground.tables import STOCK_METRICS_VIEW
from soleflip_assets.metrics.mode import Mode, current_mode, switch
from soleflip_assets.monitoring.jobs import MONITORS
from soleflip_assets.phase2.revert import revert
from tests.conftest import Databases, connect
from tests.integration.metrics.conftest import SWITCHES, WALK, deploy_again, switch_to
from tests.integration.metrics.reading import (
    BYPASS,
    an_item,
    columns,
    differences,
    failing_of_view,
    queued,
    refresh,
    set_quantity,
    shown,
    whole,
)
from tests.integration.phase2.deployment import await_row
from tests.integration.phase2.state import logical, physical


def mode_of(url: URL) -> Mode:
    with connect(url) as connection:
        return current_mode(connection)


def failing(connection: Connection) -> set[str]:
    """The validations and monitors that fail."""
    validations = {v.name for v in VALIDATIONS if not v.ask(connection).passed}
    return validations | {m.name for m in MONITORS if not m.look(connection).passed}


def drifted(connection: Connection) -> bool:
    (monitor,) = (m for m in MONITORS if m.name == "stock_metrics_view_schema_as_deployed")
    return not monitor.look(connection).passed


@contextmanager
def writing(url: URL, ids: list[UUID]) -> Iterator[Event]:
    """Writers and a reader beside the block; the event says that they are at it.

    None of them may fail, and the reader finds nine columns and all rows at any time.
    """
    busy, stop = Event(), Event()

    def write() -> None:
        with connect(url) as connection:
            for number in range(1_000_000):
                if stop.is_set():
                    return
                set_quantity(connection, ids[number % len(ids)], 50 + number % 50)
                busy.set()

    def read() -> None:
        # psycopg prepares it after five times: the plan outlives the view that it was made for.
        with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as reader:
            while not stop.is_set():
                statement = "SELECT count(*), count(total_cost) FROM inventory.stock_metrics_view"
                assert reader.execute(statement).fetchone() is not None

    with ThreadPoolExecutor() as pool:
        threads: list[Future[None]] = [pool.submit(write), pool.submit(read)]
        try:
            assert busy.wait(10)
            yield busy
        finally:
            stop.set()
        for thread in threads:
            thread.result()


def test_switches_from_each_to_each_and_leaves_nothing_behind(
    databases_of_each_version: Databases,
) -> None:
    url = databases_of_each_version.deployed("busy")
    before = logical(url)
    with connect(url) as connection:
        contract = columns(connection)

    assert len(contract) == len(STOCK_METRICS_VIEW.columns) == 9
    for number, mode in enumerate(WALK):
        assert switch_to(url, mode)
        assert not switch_to(url, mode)
        with connect(url) as connection:
            assert current_mode(connection) is mode
            assert columns(connection) == contract
            assert differences(connection) == []
            # Once in each mode: all checks take a second. Of the first mode, each other test says it.
            assert number > 1 or failing(connection) == set()
            with pytest.raises(DBAPIError, match=r"cannot (update|change|lock rows in) "):
                connection.execute(
                    text("UPDATE inventory.stock_metrics_view SET total_quantity = 0")
                )

    after = logical(url)
    assert after.pop("steps done") != before.pop("steps done")
    assert after == before


@pytest.mark.parametrize("mode", Mode)
def test_deployment_changes_nothing_in_any_mode(deployed: URL, mode: Mode) -> None:
    switch_to(deployed, Mode.INCREMENTAL)
    switch_to(deployed, mode)
    before = physical(deployed)

    assert deploy_again(deployed) == []

    assert physical(deployed) == before
    assert mode_of(deployed) is mode


def test_switches_under_writers_lose_nothing_and_readers_go_on(deployed: URL) -> None:
    with connect(deployed) as connection:
        ids = list(connection.execute(text("SELECT id FROM inventory.stock LIMIT 40")).scalars())
        for mode in WALK:
            with writing(deployed, ids):
                assert switch_to(deployed, mode)
            refresh(connection)

            assert differences(connection) == [], mode
        assert failing(connection) == set()


def test_view_that_was_dropped_by_hand_stops_neither_a_switch_nor_a_revert(
    databases: Databases,
) -> None:
    """O2, in incremental mode."""
    for take_back in (False, True):
        url = databases.deployed("busy", Mode.INCREMENTAL)
        with connect(url) as connection:
            connection.exec_driver_sql("DROP VIEW inventory.stock_metrics_view")
        if take_back:
            with Deployer(create_database_engine(url), log=lambda _: None) as deployer:
                assert revert(deployer)
            continue
        assert switch_to(url, Mode.MATERIALIZED)
        with connect(url) as connection:
            assert failing(connection) == set()


def test_switch_without_a_deployment_says_what_to_do(databases: Databases) -> None:
    with pytest.raises(DeploymentError, match="deploy Phase 2 with `soleflip deploy`"):
        switch_to(databases.legacy("production"), Mode.INCREMENTAL)


def test_read_model_that_is_not_equal_does_not_take_the_views_place(deployed: URL) -> None:
    """A writer whose triggers are switched off gets between filling and swapping."""

    def bypass(sentence: str) -> None:
        if sentence.startswith("30_fill"):
            with connect(deployed) as connection:
                connection.execute(text(BYPASS))
                set_quantity(connection, an_item(connection), 71)

    refused = pytest.raises(DBAPIError, match="differs from what its query gives in 1 rows")
    with Deployer(create_database_engine(deployed), log=bypass) as deployer, refused:
        switch(deployer, Mode.INCREMENTAL)

    assert mode_of(deployed) is Mode.MATERIALIZED
    with connect(deployed) as connection:
        assert whole(connection)
    assert switch_to(deployed, Mode.INCREMENTAL)


def test_read_model_is_not_filled_with_what_was_queued_before_it(deployed: URL) -> None:
    """A row is changed while a trigger that announces deletions is not in force yet, and deleted then."""
    gone: list[UUID] = []

    def change_and_delete(sentence: str) -> None:
        if sentence.startswith("20_change_queue"):
            with connect(deployed) as connection:
                gone.append(an_item(connection))
                set_quantity(connection, gone[0], 71)
                assert queued(connection) == gone
                connection.execute(text(BYPASS))
                connection.execute(
                    text("DELETE FROM inventory.stock WHERE id = :id"), {"id": gone[0]}
                )

    with Deployer(create_database_engine(deployed), log=change_and_delete) as deployer:
        assert switch(deployer, Mode.INCREMENTAL)

    with connect(deployed) as connection:
        assert shown(connection, gone[0]) is None
        assert differences(connection) == []


def test_materialized_view_that_is_not_equal_does_not_take_the_views_place(
    incremental: URL, shop: Connection
) -> None:
    """A writer whose triggers are switched off gets between filling and proving."""
    waiting = """
        SELECT pid FROM pg_locks
        WHERE relation = 'inventory_ops.metrics_refresh'::regclass AND NOT granted
    """
    item = an_item(shop)
    before = logical(incremental)
    with ThreadPoolExecutor() as pool, create_database_engine(incremental).connect() as holder:
        # It stands where it records that it has filled the new view.
        holder.execute(text("LOCK TABLE inventory_ops.metrics_refresh IN SHARE MODE"))
        switching = pool.submit(switch_to, incremental, Mode.MATERIALIZED)
        await_row(shop, waiting)
        holder.execute(text(BYPASS))
        set_quantity(holder, item, 71)
        holder.commit()
        with pytest.raises(DBAPIError, match="differs from what its query gives in 1 rows"):
            switching.result()

    assert mode_of(incremental) is Mode.INCREMENTAL
    after = logical(incremental)
    assert after.pop("inventory.stock") != before.pop("inventory.stock")
    assert after == before
    assert query_one(shop, "metrics/compare.sql")["wrong"] == 1
    assert switch_to(incremental, Mode.MATERIALIZED)
    assert shown(shop, item) == 71


class DeathError(BaseException):
    """Stands for the death of the process: nothing catches it."""


@pytest.mark.parametrize(("kept", "mode"), SWITCHES)
def test_switch_that_died_is_resumed(deployed: URL, kept: Mode, mode: Mode) -> None:
    """It dies after each of its steps in turn; writers and refreshes go on meanwhile."""
    switch_to(deployed, kept)
    for step in ("10_", "20_", "30_", "40_"):

        def die(sentence: str, step: str = step) -> None:
            if sentence.startswith(step):
                raise DeathError

        with Deployer(create_database_engine(deployed), log=die) as deployer, suppress(DeathError):
            switch(deployer, mode)
        with connect(deployed) as connection:
            set_quantity(connection, an_item(connection), 71)
            refresh(connection)
            assert differences(connection) == []

    switch_to(deployed, mode)
    assert mode_of(deployed) is mode
    assert deploy_again(deployed) == []
    with connect(deployed) as connection:
        assert failing(connection) == set()


def test_deployment_cleans_up_after_a_switch_that_is_not_resumed(deployed: URL) -> None:
    before = logical(deployed)
    with connect(deployed) as connection:
        connection.execute(text("CREATE TABLE inventory_ops.stock_metrics_read_model (x int)"))

    deploy_again(deployed)

    after = logical(deployed)
    assert after.pop("steps done") != before.pop("steps done")
    assert after == before


TAMPERINGS = {
    "trigger dropped": "DROP TRIGGER soleflip_queue_update ON inventory.stock",
    "trigger disabled": "ALTER TABLE inventory.stock DISABLE TRIGGER soleflip_queue_update",
    "trigger function": """
        CREATE OR REPLACE FUNCTION inventory_ops.queue_updated_stock() RETURNS trigger
        LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'
        """,
    "view dropped": "DROP VIEW inventory.stock_metrics_view",
    "view redefined": """
        DROP VIEW inventory.stock_metrics_view;
        CREATE VIEW inventory.stock_metrics_view AS SELECT stock_id, 1 AS total_quantity
        FROM inventory_ops.stock_metrics_read_model
        """,
    "index dropped": "DROP INDEX inventory_ops.idx_stock_metrics_view_available",
    "drain": """
        CREATE OR REPLACE FUNCTION inventory_ops.drain_stock_changes(begun timestamptz) RETURNS void
        LANGUAGE plpgsql AS 'BEGIN DELETE FROM inventory_ops.stock_change; END'
        """,
}


@pytest.mark.parametrize("change", TAMPERINGS.values(), ids=TAMPERINGS)
def test_drift_is_noticed_and_a_deployment_mends_it_with_what_was_lost_meanwhile(
    incremental: URL, change: str
) -> None:
    with connect(incremental) as connection:
        connection.execute(text(change))
        set_quantity(connection, an_item(connection), 71)
        assert drifted(connection)

        deploy_again(incremental)
        refresh(connection)

        assert current_mode(connection) is Mode.INCREMENTAL
        assert differences(connection) == []
        assert failing_of_view(connection) == set()
        assert not drifted(connection)


def test_revert_and_a_deployment_after_it_begin_anew(incremental: URL) -> None:
    with Deployer(create_database_engine(incremental), log=lambda _: None) as deployer:
        assert revert(deployer)
    with connect(incremental) as connection:
        assert connection.scalar(text("SELECT to_regclass('inventory.stock_metrics_view')")) is None
        left = text("SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'soleflip_queue_%'")
        assert connection.scalar(left) == 0

    deploy_again(incremental)

    assert mode_of(incremental) is Mode.MATERIALIZED


# Dagster's own use of its deprecated attribute, where a resource is torn down.
def test_switch_is_advised_where_a_refresh_is_slow(deployed: URL) -> None:
    with connect(deployed) as connection:
        assert advice_on_mode(connection) == []
        connection.execute(
            text(
                "UPDATE inventory_ops.metrics_refresh SET finished_at = started_at + interval '31 s'"
            )
        )
        assert "a refresh takes 31 s: `soleflip metrics --mode incremental`" in "".join(
            advice_on_mode(connection)
        )
        switch_to(deployed, Mode.INCREMENTAL)
        assert advice_on_mode(connection) == []


CHECKS_OF_THE_VIEW = [
    *(validation_spec(validation).key for validation in validations_of(key_of(STOCK_METRICS_VIEW))),
    *(monitor.spec.key for monitor in MONITORS if monitor.asset_key == key_of(STOCK_METRICS_VIEW)),
]


@pytest.mark.filterwarnings("ignore:.*InitResourceContext.dagster_run")
def test_jobs_switch_compare_and_refresh(deployed: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the command line and the UI start them; a refresh and its checks are the same in each mode."""
    monkeypatch.setenv("SOLEFLIP_DATABASE_URL", deployed.render_as_string(hide_password=False))
    monkeypatch.setenv("SOLEFLIP_HOME", "/nowhere")
    from soleflip_assets.definitions import defs  # noqa: PLC0415 it reads the environment

    def run(job: str, config: dict[str, object] | None = None) -> dg.ExecuteInProcessResult:
        with dg.DagsterInstance.ephemeral() as instance:
            return defs.resolve_job_def(job).execute_in_process(
                run_config=config, instance=instance
            )

    assert run("compare_stock_metrics").success
    for mode in (Mode.INCREMENTAL, Mode.LIVE, Mode.MATERIALIZED):
        asked: dict[str, object] = {"mode": mode.name}
        config: dict[str, object] = {"ops": {"switch_mode": {"config": asked}}}
        before = mode_of(deployed)
        assert run("switch_metrics_mode", config).output_for_node("switch_mode") is False
        assert mode_of(deployed) is before, "a launch of the UI changed it without being told to"
        asked["dry_run"] = False
        assert run("switch_metrics_mode", config).output_for_node("switch_mode") is True
        assert mode_of(deployed) is mode
        refreshed = run("refresh_stock_metrics")
        assert refreshed.success
        checks = {check.check_name: check for check in refreshed.get_asset_check_evaluations()}
        # U1: one that did not speak would read "not evaluated" until the next day, were it red or green.
        assert {*checks} == {key.name for key in CHECKS_OF_THE_VIEW}
        assert len(checks) == 10
        assert all(check.passed for check in checks.values())
        assert run("compare_stock_metrics").success
