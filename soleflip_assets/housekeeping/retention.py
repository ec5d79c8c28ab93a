"""How long things are kept, from the environment."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from soleflip_assets.ground.settings import ConfigurationError, positive_number

LOG_DAYS = "SOLEFLIP_KEEP_LOG_DAYS"
RUNS_DAYS = "SOLEFLIP_KEEP_RUNS_DAYS"
FILES_DAYS = "SOLEFLIP_KEEP_FILES_DAYS"
DUMPS = "SOLEFLIP_KEEP_DUMPS"
REPORTS = "SOLEFLIP_KEEP_REPORTS"


@dataclass(frozen=True)
class Retention:
    """How long things are kept.

    Attributes:
        log: the step-by-step log of a finished run.
        runs: a finished run, with the materializations, observations and evaluations that the UI plots.
        files: dumps and reports; the newest are kept however old they are.
        dumps: how many of the newest dumps.
        reports: how many of the newest reports.
    """

    log: timedelta
    runs: timedelta
    files: timedelta
    dumps: int
    reports: int

    @classmethod
    def from_environment(cls) -> Self:
        """Read the environment.

        Raises:
            ConfigurationError: a variable is no number above zero, or a run goes before its log.
        """
        found = cls(
            log=_days(LOG_DAYS, 30),
            runs=_days(RUNS_DAYS, 400),
            files=_days(FILES_DAYS, 90),
            dumps=positive_number(DUMPS, 3),
            reports=positive_number(REPORTS, 20),
        )
        if found.log > found.runs:
            raise ConfigurationError(
                f"{LOG_DAYS} is more than {RUNS_DAYS}: a run's log goes before the run, or with it."
            )
        return found


def _days(variable: str, default: int) -> timedelta:
    return timedelta(days=positive_number(variable, default, "days"))
