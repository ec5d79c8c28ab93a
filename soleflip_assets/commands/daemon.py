"""Dagster's daemon, also where the clock is set back: ``python -m soleflip_assets.commands.daemon run``.

Dagster spaces the ticks of a sensor by the time of the last one, and sleeps and beats by the clock. After
that was set back by an hour, no sensor would look for an hour, not even the alerts. So a thread beside the
daemon sees when the clock goes back, and begins the daemon anew in the same process; before and when it
begins, times of sensors and heartbeats that lie in the future are corrected. It takes the options of
``dagster-daemon``. Here: that. Not here: what the alerts remember (alerts/state.py).
"""

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

import dagster as dg

LOOK_SECONDS = 5.0
# What time servers correct, a little at a time, is none.
_SET_BACK_SECONDS = 5.0
_LOG = logging.getLogger(__name__)


def forget_the_future(instance: dg.DagsterInstance, now: float) -> list[str]:
    """Have the sensors look again whose last look lies in the future.

    Args:
        instance: Dagster's.
        now: the time.

    Returns:
        Their names.
    """
    names = []
    for state in instance.all_instigator_state():
        data: Any = state.instigator_data
        if state.instigator_type.value != "SENSOR" or data is None:
            continue
        times = {
            name: getattr(data, name)
            for name in ("last_tick_timestamp", "last_tick_start_timestamp")
        }
        ahead = {name: now for name, at in times.items() if at and at > now + _SET_BACK_SECONDS}
        if ahead:
            instance.update_instigator_state(state.with_data(data._replace(**ahead)))
            names.append(state.name)
    return names


def forget_future_heartbeats(instance: dg.DagsterInstance, now: float) -> None:
    """Let the daemons have beaten now whose last heartbeat lies in the future.

    To `soleflip health` that is no sign of life. On a machine on which a start takes longer than the time
    between two looks, the daemon was killed before its first heartbeat, again and again.

    Args:
        instance: Dagster's.
        now: the time.
    """
    for beat in instance.get_daemon_heartbeats().values():
        if beat.timestamp > now + _SET_BACK_SECONDS:
            instance.add_daemon_heartbeat(beat._replace(timestamp=now))


def watch_the_clock(
    clock: Callable[[], float] = time.time, begin_anew: Callable[[], None] | None = None
) -> None:
    """Correct what lies in the future, then wait for the clock to go back.

    Args:
        clock: that Dagster goes by.
        begin_anew: what to do then, if not to begin this process anew.
    """
    # How far it is ahead of a clock that nobody sets.
    ahead = clock() - time.monotonic()
    corrected = False
    while True:
        corrected = corrected or _correct(clock())
        time.sleep(LOOK_SECONDS)
        found = clock() - time.monotonic()
        if found < ahead - _SET_BACK_SECONDS:
            _LOG.warning("The clock was set back by %.0f s: the daemon begins anew.", ahead - found)
            _correct(clock())
            (begin_anew or _begin_anew)()
            return
        ahead = found


def _correct(now: float) -> bool:
    """Whether it could be done."""
    try:
        with dg.DagsterInstance.get() as instance:
            names = forget_the_future(instance, now)
            forget_future_heartbeats(instance, now)
    except Exception as error:  # noqa: BLE001 the storage is away: the next attempt is soon
        _LOG.warning("The times of the sensors could not be seen (%s).", type(error).__name__)
        return False
    for name in names:
        _LOG.warning("The last look of the sensor %s lies in the future: it looks at once.", name)
    return True


def _begin_anew() -> None:
    """The process stays, for whoever supervises it; all threads and connections end."""
    os.execv(sys.executable, [sys.executable, "-m", __spec__.name, *sys.argv[1:]])  # noqa: S606


def main() -> None:
    """Run Dagster's command line with the thread beside it."""
    threading.Thread(target=watch_the_clock, daemon=True).start()
    (script,) = entry_points(group="console_scripts", name="dagster-daemon")
    script.load()()


if __name__ == "__main__":
    main()
