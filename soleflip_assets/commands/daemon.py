"""Dagster's daemon, also where the clock is set back: ``python -m soleflip_assets.commands.daemon run``.

Dagster spaces the ticks of a sensor by the time of the last one. After the clock was set back by an hour, no
sensor would look for an hour, not even the alerts. So a thread beside the daemon corrects times that lie in
the future, when it starts and when the clock has gone back. It takes the options of ``dagster-daemon``. Here:
that. Not here: what the alerts remember (alerts/state.py).
"""

import logging
import threading
import time
from importlib.metadata import entry_points
from typing import Any

import dagster as dg

LOOK_SECONDS = 5.0
# What time servers correct, a little at a time, is none.
_SET_BACK_SECONDS = 5.0


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


def _watch_the_clock() -> None:
    ahead = float("inf")
    while True:
        # How far the clock is ahead of one that nobody sets.
        found = time.time() - time.monotonic()
        if found < ahead - _SET_BACK_SECONDS:
            try:
                with dg.DagsterInstance.get() as instance:
                    names = forget_the_future(instance, time.time())
            except Exception as error:  # noqa: BLE001 the storage is away: the next look is soon
                logging.getLogger(__name__).warning(
                    "The times of the sensors could not be looked at (%s)", type(error).__name__
                )
                found = ahead
            else:
                for name in names:
                    logging.getLogger(__name__).warning(
                        "The clock was set back: the sensor %s looks again at once.", name
                    )
        ahead = found
        time.sleep(LOOK_SECONDS)


def main() -> None:
    """Run Dagster's command line with the thread beside it."""
    threading.Thread(target=_watch_the_clock, daemon=True).start()
    (script,) = entry_points(group="console_scripts", name="dagster-daemon")
    script.load()()


if __name__ == "__main__":
    main()
