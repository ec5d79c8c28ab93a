"""Ticks that failed and schedules that somebody stopped."""

from collections.abc import Callable

import dagster as dg
import psycopg2
import pytest

# Private, as what only the daemon does: it asks the process that holds the code by this.
from dagster._grpc.client import DagsterGrpcClient
from sqlalchemy import make_url

from soleflip_assets.ground.sessions import create_database_engine
from tests.integration.alerts.conftest import SENSORS, Daemon
from tests.integration.alerts.schedule import Schedule
from tests.integration.alerts.sink import Sink

# One of Apprise's many plugins imports it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


def test_failed_tick_is_told_once_with_its_reason_and_its_recovery(
    daemon: Daemon, sink: Sink, schedule: Schedule
) -> None:
    for status in ("FAILURE", "FAILURE", "SKIPPED", "SKIPPED"):
        daemon.clock.now += 60
        schedule.tick(
            daemon.clock.now, status, "The shop is closed." if status == "FAILURE" else ""
        )
        daemon.tick(1)

    assert sink.titles == [
        "[SoleFlip] ERROR: hourly failing",
        "[SoleFlip] recovered: hourly recovered",
    ]
    assert "ticks of the schedule hourly" in sink.messages[0]["message"]
    assert "The shop is closed." in sink.messages[0]["message"]


def test_tick_that_has_not_ended_is_looked_at_when_it_has(
    daemon: Daemon, sink: Sink, schedule: Schedule
) -> None:
    daemon.clock.now += 60
    schedule.tick(daemon.clock.now, "STARTED")
    daemon.tick(1)
    assert sink.titles == []

    schedule.fail_last_tick()
    daemon.tick()
    daemon.tick()
    assert sink.titles == ["[SoleFlip] ERROR: hourly failing"]


def test_schedule_that_somebody_stopped_is_told_until_it_runs_again(
    daemon: Daemon, sink: Sink, schedule: Schedule
) -> None:
    schedule.set("STOPPED")
    daemon.tick()
    daemon.tick()
    schedule.set("RUNNING")
    daemon.tick()

    assert sink.titles == [
        "[SoleFlip] WARN: hourly stopped",
        "[SoleFlip] recovered: hourly recovered",
    ]


def _refused(ask: Callable[[], object]) -> Exception:
    """How it fails to ask somebody who is not there, in the words of who asks."""
    with pytest.raises(Exception, match=r"(?i)refused|not reach") as refused:
        ask()
    return refused.value


def _database_is_away() -> Exception:
    return _refused(create_database_engine(make_url("postgresql://127.0.0.1:1/shop")).connect)


def _storage_is_away() -> Exception:
    return _refused(lambda: psycopg2.connect("postgresql://127.0.0.1:1/dagster"))


def _code_server_is_dead() -> Exception:
    return _refused(lambda: DagsterGrpcClient(port=1).list_repositories())


def _statement_is_too_slow() -> str:
    return "psycopg.errors.QueryCanceled: canceling statement due to statement timeout"


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (_database_is_away, ["database", "Connection refused", "the-database-does-not-answer"]),
        (_storage_is_away, ["storage", "Connection refused", "dagsters-storage-does-not-answer"]),
        (_code_server_is_dead, ["code server", "not reach", "the-code-server-does-not-answer"]),
        (_statement_is_too_slow, ["watch", "due to statement timeout", "a-tick-failed"]),
    ],
)
def test_outage_that_fails_all_ticks_is_told_once_with_what_fails_by_it_and_its_end_once(
    instance: dg.DagsterInstance,
    daemon: Daemon,
    sink: Sink,
    fault: Callable[[], str | Exception],
    told: list[str],
) -> None:
    """A deadline that all run into, too. In the words of who could not ask: psycopg, gRPC, PostgreSQL."""
    name, *said = told
    instance.wipe_all_schedules()
    everyone = [Schedule(instance, name, sensor=True) for name in SENSORS]
    hourly = Schedule(instance)
    for status, who in (
        ("FAILURE", [*everyone, hourly]),
        ("FAILURE", everyone),
        ("SKIPPED", everyone),
        ("SKIPPED", everyone),
    ):
        for one in who:
            daemon.clock.now += 10
            one.tick(daemon.clock.now, status, fault() if status == "FAILURE" else "")
        daemon.tick(1)

    assert sink.titles == [
        f"[SoleFlip] ERROR: {name} failing",
        f"[SoleFlip] recovered: {name} recovered",
    ]
    first, last = (message["message"] for message in sink.messages)
    for words in (*said, "First: "):
        assert words in first
    for message in (first, last):
        named = message.partition("With it: ")[2].partition("\n")[0]
        assert named.split(", ")[-3:] == [
            "ticks of the sensor health",
            "ticks of the sensor warehouse_after_refresh",
            "ticks of the schedule hourly",
        ]
    assert "Not seen well since: ticks of the schedule hourly" in last
