"""How old stock_metrics_view may be."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from soleflip_assets.checks.monitors import monitor_of_file
from soleflip_assets.ground.settings import Settings


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
        """As the settings have it.

        Raises:
            ConfigurationError: a setting is wrong.
        """
        settings = Settings.from_environment()
        return cls(
            timedelta(minutes=settings.freshness_warn_minutes),
            timedelta(minutes=settings.freshness_error_minutes),
        )

    @property
    def seconds(self) -> dict[str, float]:
        """As the parameters of sql/monitoring/view_is_fresh.sql."""
        return {
            "warn_seconds": self.warn.total_seconds(),
            "error_seconds": self.error.total_seconds(),
        }


# Asked at each look: no module reads the environment when it is loaded.
FRESHNESS = [monitor_of_file("view_is_fresh", lambda _: Freshness.from_environment().seconds)]
