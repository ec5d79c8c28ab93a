"""How old stock_metrics_view may be, from the environment."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from soleflip_assets.checks.monitors import monitor_of_file
from soleflip_assets.ground.settings import ConfigurationError, positive_number

WARN_MINUTES = "SOLEFLIP_FRESHNESS_WARN_MINUTES"
ERROR_MINUTES = "SOLEFLIP_FRESHNESS_ERROR_MINUTES"


@dataclass(frozen=True)
class Freshness:
    """When the view is too old.

    Attributes:
        warn: from this age on, a warning: an hourly refresh was missed.
        error: from this age on, an error: a second one was missed, too.
    """

    warn: timedelta
    error: timedelta

    @classmethod
    def from_environment(cls) -> Self:
        """Read the environment.

        Raises:
            ConfigurationError: an age is no number of minutes, or the warning does not come first.
        """
        found = cls(_minutes(WARN_MINUTES, 75), _minutes(ERROR_MINUTES, 120))
        if found.warn > found.error:
            raise ConfigurationError(
                f"{WARN_MINUTES} is more than {ERROR_MINUTES}: a warning comes before an error."
            )
        return found

    @property
    def seconds(self) -> dict[str, float]:
        """As the parameters of sql/monitoring/view_is_fresh.sql."""
        return {
            "warn_seconds": self.warn.total_seconds(),
            "error_seconds": self.error.total_seconds(),
        }


def _minutes(variable: str, default: int) -> timedelta:
    return timedelta(minutes=positive_number(variable, default, "minutes"))


FRESHNESS = [monitor_of_file("view_is_fresh", lambda: Freshness.from_environment().seconds)]
