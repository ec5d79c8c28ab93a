"""What the environment may say of how long things are kept."""

from datetime import timedelta

import pytest

from soleflip_assets.ground.errors import ConfigurationError
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


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("value", ["0", "-1", "1.5", "for ever"])
def test_what_is_no_number_above_zero_is_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(
        ConfigurationError, match=rf"^{variable} is .*: set it to a number of \w+\.$"
    ):
        Retention.from_environment()


def test_log_cannot_outlive_its_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOG_DAYS, "401")
    with pytest.raises(ConfigurationError, match="a run's log goes before the run"):
        Retention.from_environment()
