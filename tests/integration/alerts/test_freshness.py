"""The freshness alert arrives although nothing is refreshed: with the real check, sensor and target."""

import dagster as dg
import pytest

from soleflip_assets.checks.monitors import build_monitors, monitor_of_file
from soleflip_assets.ground.assets import key_of
from soleflip_assets.ground.resource import Database
from soleflip_assets.ground.tables import STOCK_METRICS_VIEW
from soleflip_assets.monitoring import watch
from tests.conftest import Databases
from tests.integration.alerts.conftest import Daemon
from tests.integration.alerts.schedule import Schedule
from tests.integration.alerts.sink import Sink

# One of Apprise's many plugins imports it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


def _look(
    instance: dg.DagsterInstance, databases: Databases, **seconds: float
) -> dg.ExecuteInProcessResult:
    """Run the check in a job, as its schedule does, with thresholds of our own."""
    url = databases.deployed("production").render_as_string(hide_password=False)
    defs = dg.Definitions(
        assets=[dg.AssetSpec(key_of(STOCK_METRICS_VIEW))],
        asset_checks=build_monitors("watch", [monitor_of_file("view_is_fresh", lambda _: seconds)]),
        jobs=[dg.define_asset_job("watch_freshness", dg.AssetSelection.all_asset_checks())],
        resources={"database": Database(url=url)},
    )
    return defs.resolve_job_def("watch_freshness").execute_in_process(instance=instance)


def test_alert_arrives_when_nothing_was_refreshed_grows_worse_and_recovers(
    instance: dg.DagsterInstance, databases: Databases, daemon: Daemon, sink: Sink
) -> None:
    for warn, error in ((0, 3600), (0, 0), (3600, 7200)):
        result = _look(instance, databases, warn_seconds=warn, error_seconds=error)
        assert result.success, "a failed look at the freshness must not fail its run"
        daemon.tick()

    assert sink.titles == [
        "[SoleFlip] WARN: view_is_fresh failing",
        "[SoleFlip] ERROR: view_is_fresh failing",
        "[SoleFlip] recovered: view_is_fresh recovered",
    ]
    first = sink.messages[0]["message"]
    assert "total_records 1,172" in first
    assert "The hourly refresh is paused, stuck or dead" in first
    assert "/runbook#view_is_fresh" in first


@pytest.fixture
def database(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A shop whose metrics are too old whenever somebody looks."""
    stale = monitor_of_file("view_is_fresh", lambda _: {"warn_seconds": 0, "error_seconds": 0})
    monkeypatch.setattr(watch, "WATCHED", [stale])
    return Database(url=databases.deployed("production").render_as_string(hide_password=False))


def test_paused_refresh_is_told_by_the_watch_which_starts_no_run(
    instance: dg.DagsterInstance,
    database: Database,
    daemon: Daemon,
    sink: Sink,
    schedule: Schedule,
) -> None:
    """Nothing refreshes and nothing fails, and the queue of runs may be full."""
    schedule.set("STOPPED")
    runs = instance.get_runs_count()
    watch.watch(dg.build_sensor_context(instance=instance, resources={"database": database}))
    daemon.tick()

    # Of no run, so in one message.
    assert sink.titles == ["[SoleFlip] ERROR: view_is_fresh and 1 more failing"]
    assert "hourly is stopped" in sink.messages[0]["message"]
    assert instance.get_runs_count() == runs
