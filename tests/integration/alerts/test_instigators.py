"""Ticks that failed and schedules that somebody stopped."""

import pytest
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError

from soleflip_assets.ground.sessions import create_database_engine
from tests.integration.alerts.conftest import Daemon
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


def test_tick_that_a_silent_database_fails_is_told_as_that(
    daemon: Daemon, sink: Sink, schedule: Schedule
) -> None:
    """As psycopg and SQLAlchemy put it; that the database answers again, the sensor `watch` says."""
    with pytest.raises(OperationalError) as refused:
        create_database_engine(make_url("postgresql://127.0.0.1:1/shop")).connect()
    daemon.clock.now += 60
    schedule.tick(daemon.clock.now, "FAILURE", refused.value)
    daemon.tick(1)

    assert sink.titles == ["[SoleFlip] ERROR: database failing"]
    told = sink.messages[0]["message"]
    assert "SoleFlip's database: ERROR" in told
    assert "Connection refused" in told
    assert "With it: ticks of the schedule hourly" in told
    assert "First: Is the server up" in told
