"""Sensors after the clock was set back."""

import itertools
import time

import dagster as dg
import pytest

# Private, because only a running daemon has public ways of making a sensor's state.
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    InProcessCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    SensorInstigatorData,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.types import DaemonHeartbeat

from soleflip_assets.commands import daemon
from soleflip_assets.commands.daemon import forget_future_heartbeats, forget_the_future

NOW, LATER = 1_000_000.0, 1_003_600.0


def _looked(instance: dg.DagsterInstance, name: str, at: float) -> None:
    """A sensor whose last tick was at a time."""
    location = InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="shop"))
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "__repository__"), name)
    data = SensorInstigatorData(
        last_tick_timestamp=at, last_tick_start_timestamp=at, cursor="remembered"
    )
    instance.add_instigator_state(
        InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.DECLARED_IN_CODE, data)
    )


def test_sensor_whose_last_look_lies_in_the_future_looks_again(
    instance: dg.DagsterInstance,
) -> None:
    """What it remembers stays; another one is left alone."""
    _looked(instance, "watch", LATER)
    _looked(instance, "alerts", NOW - 10)
    assert forget_the_future(instance, NOW) == ["watch"]
    found = {state.name: state.instigator_data for state in instance.all_instigator_state()}
    expected = {"watch": NOW, "alerts": NOW - 10}
    for name, at in expected.items():
        data = found[name]
        assert isinstance(data, SensorInstigatorData)
        assert (data.last_tick_timestamp, data.last_tick_start_timestamp) == (at, at)
        assert data.cursor == "remembered"
    assert forget_the_future(instance, NOW) == []


def test_daemon_begins_anew_when_the_clock_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not when it goes ahead, or only a little back."""
    monkeypatch.setattr(daemon, "LOOK_SECONDS", 0.01)
    corrected: list[float] = []

    def correct(now: float) -> bool:
        corrected.append(now)
        return True

    monkeypatch.setattr(daemon, "_correct", correct)
    steps = itertools.chain([0, 0, 3600, 3599], itertools.repeat(-1))
    begun: list[bool] = []
    daemon.watch_the_clock(lambda: time.monotonic() + next(steps), lambda: begun.append(True))
    assert begun == [True]
    assert len(corrected) == 2  # when it began, and before it begins anew


def test_heartbeat_that_lies_in_the_future_is_one_of_now(instance: dg.DagsterInstance) -> None:
    """Else the daemon counts as dead until its first one, however long its start takes."""
    for daemon_type, at in (("SCHEDULER", LATER), ("SENSOR", NOW - 10)):
        instance.add_daemon_heartbeat(DaemonHeartbeat(at, daemon_type, "one", []))
    forget_future_heartbeats(instance, NOW)
    found = {name: beat.timestamp for name, beat in instance.get_daemon_heartbeats().items()}
    assert found == {"SCHEDULER": NOW, "SENSOR": NOW - 10}
