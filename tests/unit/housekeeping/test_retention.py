"""What the environment may say of how long things are kept."""

from datetime import timedelta

import pytest

from soleflip_assets.ground.settings import DUMPS, FILES_DAYS, LOG_DAYS, REPORTS, RUNS_DAYS
from soleflip_assets.housekeeping.retention import Retention

VARIABLES = (LOG_DAYS, RUNS_DAYS, FILES_DAYS, DUMPS, REPORTS)


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_defaults_keep_a_year_of_plots_and_a_month_of_logs() -> None:
    found = Retention.from_environment()
    assert found.log == timedelta(days=30)
    assert found.runs > timedelta(days=366)
    assert found.dumps >= 1
    assert found.reports >= 1
