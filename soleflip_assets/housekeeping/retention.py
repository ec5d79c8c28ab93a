"""How long things are kept."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from soleflip_assets.ground.settings import Settings


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
        """As the settings have it.

        Raises:
            ConfigurationError: a setting is wrong.
        """
        settings = Settings.from_environment()
        return cls(
            log=timedelta(days=settings.keep_log_days),
            runs=timedelta(days=settings.keep_runs_days),
            files=timedelta(days=settings.keep_files_days),
            dumps=settings.keep_dumps,
            reports=settings.keep_reports,
        )
