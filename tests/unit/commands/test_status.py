"""What `soleflip status` counts as dead."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from soleflip_assets.alerts.sensor import alerts
from soleflip_assets.commands.status import Instigator

TICK = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
WELL = Instigator(alerts.name, True, True, TICK.isoformat(), "SKIPPED")
NOW = TICK.timestamp()


@pytest.mark.parametrize(
    ("found", "seconds", "fault"),
    [
        (WELL, 119, ""),
        (WELL, 121, "alerts has not looked for 2 minutes"),
        (replace(WELL, last_tick=None, last_tick_status=None), 1e6, ""),
        # The schedules of others tick by the hour or the day.
        (replace(WELL, name="hourly"), 1e6, ""),
        (replace(WELL, running=False), 0, "alerts is stopped"),
        (replace(WELL, running=False, should_run=False), 0, ""),
        (replace(WELL, last_tick_status="FAILURE"), 0, "the last tick of alerts failed"),
    ],
)
def test_fault_of_a_schedule_or_sensor(found: Instigator, seconds: float, fault: str) -> None:
    assert found.fault(NOW + seconds) == fault
