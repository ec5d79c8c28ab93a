"""A short chaos run: production helps itself. The long one is benchmarks/chaos.py."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.conftest import programs_of
from tests.e2e.chaos import KILLED_RUN, RESET, SETTINGS, Chaos, Fault
from tests.e2e.topology import HOURLY, running_production
from tests.integration.alerts.sink import running_sink

# A Tuesday, when nothing daily or weekly is due.
START = datetime(2026, 3, 10, 11, 50, tzinfo=UTC)


@pytest.fixture(scope="module")
def chaos() -> Iterator[Chaos]:
    if sys.platform != "linux":
        pytest.skip("the clock's library is made for Linux")
    with (
        running_sink() as sink,
        running_production(
            START,
            programs_of("15"),
            {HOURLY},
            variables={"SOLEFLIP_ALERT_URLS": sink.url()},
            settings=SETTINGS,
        ) as production,
    ):
        chaos = Chaos(production, sink, impatient=True)
        with chaos.at_work():
            yield chaos


# What comes of a killed daemon is in test_topology.py and alerts/.
@pytest.mark.parametrize("fault", [KILLED_RUN, RESET], ids=["run", "connections"])
def test_all_is_well_again_in_time_and_told_once(chaos: Chaos, fault: Fault) -> None:
    """The refresh that was due is done once, and nothing is left behind.

    A fault is told as one thing, however many runs and ticks fail by it.
    """
    assert chaos.suffer(fault).wrong == []
