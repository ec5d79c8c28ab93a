"""``SOLEFLIP_HOME`` as a Dagster resource. Not here: what is written there, or when it goes."""

from pathlib import Path

import dagster as dg


class StateFolder(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where dumps, archives and reports are kept.

    Attributes:
        path: ``SOLEFLIP_HOME``.
    """

    path: str

    @property
    def dumps(self) -> Path:
        """Dumps, readable by their owner only."""
        return Path(self.path) / "dumps"

    @property
    def archive(self) -> Path:
        """Months that left a table, as Parquet, readable by their owner only."""
        return Path(self.path) / "archive"

    @property
    def reports(self) -> Path:
        """Deployment reports."""
        return Path(self.path) / "reports"

    @property
    def dashboard(self) -> Path:
        """The page of the marts."""
        return self.reports / "dashboard.html"
