"""A sink, and the sensor evaluated as the daemon would."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
import pytest

from soleflip_assets.alerts import sensor
from soleflip_assets.alerts.events import SETTLED_AFTER_SECONDS
from soleflip_assets.alerts.state import State
from tests.integration.alerts.schedule import Schedule
from tests.integration.alerts.sink import Sink, running_sink


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sink]:
    """A running sink that SOLEFLIP_ALERT_URLS points at."""
    with running_sink() as sink:
        monkeypatch.setenv("SOLEFLIP_ALERT_URLS", sink.url())
        yield sink


SENSORS = ("watch", "health", "warehouse_after_refresh")


class Daemon:
    """Evaluates the sensor tick by tick, keeping its cursor as the daemon does."""

    def __init__(self, instance: dg.DagsterInstance, clock: "Clock") -> None:
        self.instance = instance
        self.clock = clock
        self.cursor: str | None = None

    def tick(self, seconds: float = SETTLED_AFTER_SECONDS + 60, *, stored: bool = True) -> str:
        """One evaluation, some time after the last.

        Args:
            seconds: how long after.
            stored: False where the daemon dies before it stores the cursor.

        Returns:
            The tick's reason.
        """
        self.clock.now += seconds
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, repository_def=_repository()
        )
        result: Any = sensor.alerts(context)
        if stored:
            self.cursor = context.cursor
        return str(result.skip_message)

    @property
    def state(self) -> State:
        assert self.cursor is not None
        return State.from_cursor(self.cursor)


class Clock:
    """The time that the sensor sees."""

    def __init__(self, now: float) -> None:
        self.now = now

    def time(self) -> float:
        return self.now


@pytest.fixture
def daemon(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    """The sensor, which has begun to look."""
    clock = Clock(time.time())
    monkeypatch.setattr(sensor, "time", clock)
    daemon = Daemon(instance, clock)
    daemon.tick(0)
    return daemon


@pytest.fixture
def schedule(instance: dg.DagsterInstance, daemon: Daemon) -> Schedule:
    """The schedule ``hourly``, which the daemon has seen."""
    instance.wipe_all_schedules()
    return Schedule(instance)


def _repository() -> dg.RepositoryDefinition:
    @dg.job
    def nothing() -> None:
        """A job for the schedule."""

    schedule = dg.ScheduleDefinition(
        name="hourly",
        job=nothing,
        cron_schedule="0 * * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    # Whatever asks somebody who may not answer: as many as fail at once.
    others: list[Any] = [
        dg.sensor(name=name, job=nothing, default_status=dg.DefaultSensorStatus.RUNNING)(_look)
        for name in SENSORS
    ]
    return dg.Definitions(
        schedules=[schedule], sensors=[sensor.alerts, *others]
    ).get_repository_def()


def _look() -> dg.SkipReason:
    return dg.SkipReason("Nothing to do.")


Evaluate = Callable[..., None]


@pytest.fixture
def evaluate(instance: dg.DagsterInstance) -> Evaluate:
    """Store the evaluation of a check, as a run or an outside process would."""

    def evaluate(passed: bool, check: str = "prices", **metadata: Any) -> None:
        instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(
                asset_key=dg.AssetKey(["inventory", "stock"]),
                check_name=check,
                passed=passed,
                description="Prices differ.",
                metadata=metadata,
            )
        )

    return evaluate
