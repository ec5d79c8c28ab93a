"""The page of operations/health: recorded without a run, right at each moment, and told nobody twice."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import psycopg
import pytest
from sqlalchemy.engine import URL

from soleflip_assets.alerts.events import HEALTH_KEY, read_events
from soleflip_assets.alerts.state import Observation, Severity, State
from soleflip_assets.definitions import defs
from soleflip_assets.ground.resource import Database
from soleflip_assets.ground.settings import DATABASE_URL, HOME
from soleflip_assets.health import look as looking
from soleflip_assets.health.look import look
from soleflip_assets.health.page import metadata, verdict
from soleflip_assets.health.sensor import CHECK, REPORT_AGAIN_SECONDS, health_sensor
from tests.conftest import Databases


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The repository is resolved with the configuration of all resources."""
    monkeypatch.setenv(DATABASE_URL, "postgresql:///nowhere")
    monkeypatch.setenv(HOME, "/nowhere")


@pytest.fixture(scope="module")
def shop(databases: Databases) -> URL:
    return databases.deployed("production")


def database_of(url: URL) -> Database:
    return Database(url=url.render_as_string(hide_password=False))


Tick = Callable[[], str]


@pytest.fixture
def tick(instance: dg.DagsterInstance, shop: URL) -> Tick:
    """The sensor, with its cursor as the daemon keeps it."""
    cursor: list[str | None] = [None]

    def tick() -> str:
        context = dg.build_sensor_context(
            instance=instance,
            cursor=cursor[0],
            repository_def=defs.get_repository_def(),
            resources={"database": database_of(shop)},
        )
        answer: Any = health_sensor(context)
        cursor[0] = context.cursor
        return str(answer.skip_message)

    return tick


@pytest.fixture
def alert(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """What the alerts remember."""
    state = State(began=0, after=0)
    monkeypatch.setattr(looking, "remembered", lambda _: state)

    def observe(subject: str, *, failing: bool = True, severity: Severity = Severity.ERROR) -> None:
        state.observe(
            Observation(subject, failing=failing, at=time.time() - 300, severity=severity)
        )

    return observe


@pytest.fixture
def living(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    """All daemons live; of the tests, none runs."""
    monkeypatch.setattr(type(instance), "get_daemon_statuses", lambda _: {})


def recorded(instance: dg.DagsterInstance) -> dict[str, Any]:
    """What the page shows."""
    event = instance.get_latest_materialization_event(HEALTH_KEY)
    assert event is not None
    assert event.asset_materialization is not None
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}


def count(storage: psycopg.Connection[Any], kind: str) -> int:
    row = storage.execute(
        "SELECT count(*) FROM event_logs WHERE dagster_event_type = %s AND asset_key = %s",
        [kind, HEALTH_KEY.to_string()],
    ).fetchone()
    assert row is not None
    return int(row[0])


CHECK_SUBJECT = "check:inventory/stock:financial_data_consistent"


@pytest.mark.usefixtures("living")
def test_is_recorded_without_a_run_at_once_when_something_changes_and_every_five_minutes(
    instance: dg.DagsterInstance,
    tick: Tick,
    alert: Callable[..., None],
    dagster_database: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = count(dagster_database, "ASSET_MATERIALIZATION")

    def added() -> int:
        return count(dagster_database, "ASSET_MATERIALIZATION") - before

    assert tick() == "Nothing is wrong."
    assert added() == 1
    tick()
    assert added() == 1, "recorded again although nothing changed"

    alert(CHECK_SUBJECT)
    assert tick() == "One thing is wrong: financial_data_consistent."
    assert added() == 2
    shown = recorded(instance)
    assert (shown["errors"], shown["warnings"], shown["dead_daemons"]) == (1, 0, 0)
    page = "/assets/inventory/stock?view=checks&checkDetail=financial_data_consistent"
    assert f"]({page}): ERROR, for 5 min. First: " in shown["what_is_wrong"]
    assert "(/runbook#financial_data_consistent)" in shown["what_is_wrong"]

    alert(CHECK_SUBJECT, failing=False)
    assert tick() == "Nothing is wrong."
    assert added() == 3

    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + REPORT_AGAIN_SECONDS)
    tick()
    assert added() == 4
    assert instance.get_runs_count() == 0


@pytest.mark.usefixtures("living")
def test_its_check_is_red_and_nobody_is_told_of_the_same_fault_twice(
    instance: dg.DagsterInstance, tick: Tick, alert: Callable[..., None]
) -> None:
    alert(CHECK_SUBJECT, severity=Severity.WARN)
    tick()

    key = dg.AssetCheckKey(HEALTH_KEY, CHECK)
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    assert latest.event is not None
    assert latest.event.dagster_event is not None
    found = latest.event.dagster_event.asset_check_evaluation_data
    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.WARN
    batch = read_events(instance, 0, time.time() + 60)
    assert [seen for seen in batch.observations if "operations/health" in seen.subject] == []


def test_dead_daemon_is_said(instance: dg.DagsterInstance, tick: Tick) -> None:
    """None runs here, so all of them are dead."""
    assert "daemon SCHEDULER" in tick() or recorded(instance)["dead_daemons"] > 0
    shown = recorded(instance)
    assert shown["dead_daemons"] > 3
    assert "Dagster's daemon SENSOR is dead" in shown["what_is_wrong"]


@pytest.mark.usefixtures("living", "alert")
def test_says_what_ticks_next(instance: dg.DagsterInstance, shop: URL) -> None:
    now = datetime(2026, 11, 26, 0, 30, tzinfo=UTC)
    health = look(instance, defs.get_repository_def(), database_of(shop), now)
    by_name = {one.name: one for one in health.clockworks}

    assert by_name["hourly_stock_metrics_refresh"].next == now + timedelta(minutes=30)
    assert by_name["weekly_watch"].next == datetime(2026, 11, 30, 6, 0, tzinfo=UTC)
    assert (
        "`hourly_stock_metrics_refresh`: next in 30 min, not run yet"
        in metadata(health)["clock"].value
    )


@pytest.mark.usefixtures("living", "alert")
def test_database_that_does_not_answer_is_a_fault_and_ends_nothing(
    instance: dg.DagsterInstance, shop: URL
) -> None:
    away = database_of(shop.set(database="gone"))
    health = look(instance, defs.get_repository_def(), away, datetime.now(UTC))

    assert verdict(health) == "One thing is wrong: database."
    assert "does not exist" in health.faults[0].what


@pytest.mark.usefixtures("living", "alert")
def test_database_without_phase_2_is_no_fault(
    instance: dg.DagsterInstance, databases: Databases
) -> None:
    before = database_of(databases.legacy("production"))
    health = look(instance, defs.get_repository_def(), before, datetime.now(UTC))

    assert verdict(health) == "Nothing is wrong; Phase 2 is not deployed."
