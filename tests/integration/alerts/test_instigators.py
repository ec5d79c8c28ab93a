"""Ticks that failed and schedules that somebody stopped."""

import dagster as dg
import pytest

# Private, because only a running daemon has public ways of making a tick; the project itself uses none of it.
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    InProcessCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster_shared.error import SerializableErrorInfo

from tests.integration.alerts.conftest import Daemon
from tests.integration.alerts.sink import Sink

# One of Apprise's many plugins imports it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


class Schedule:
    """The schedule `hourly` as the daemon records it."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        origin = RemoteInstigatorOrigin(
            RemoteRepositoryOrigin(
                InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="shop")),
                "__repository__",
            ),
            "hourly",
        )
        self.state = instance.add_instigator_state(
            InstigatorState(
                origin,
                InstigatorType.SCHEDULE,
                InstigatorStatus.DECLARED_IN_CODE,
                ScheduleInstigatorData(cron_schedule="0 * * * *"),
            )
        )

    def set(self, status: str) -> None:
        self.state = self.instance.update_instigator_state(
            self.state.with_status(InstigatorStatus(status))
        )

    def tick(self, at: float, status: str, error: str = "") -> None:
        self.instance.create_tick(
            TickData(
                instigator_origin_id=self.state.instigator_origin_id,
                instigator_name="hourly",
                instigator_type=InstigatorType.SCHEDULE,
                status=TickStatus(status),
                timestamp=at,
                selector_id=self.state.selector_id,
                error=SerializableErrorInfo(error, [], None) if error else None,
            )
        )


@pytest.fixture
def schedule(instance: dg.DagsterInstance, daemon: Daemon) -> Schedule:
    instance.wipe_all_schedules()
    return Schedule(instance)


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

    started = schedule.instance.get_ticks(
        schedule.state.instigator_origin_id, schedule.state.selector_id, limit=1
    )[0]
    schedule.instance.update_tick(
        started.with_status(TickStatus.FAILURE, error=SerializableErrorInfo("x", [], None))
    )
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
