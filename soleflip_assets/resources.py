"""What Dagster hands to every asset and check besides the database: the state folder and the deployer.

Not here: the database itself, which is database.py's.
"""

from pathlib import Path

import dagster as dg
from pydantic import PrivateAttr

from soleflip_assets.database import OwnerDatabase
from soleflip_assets.phase2.deployer import Deployer, DeploymentError, Log


class StateFolder(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where dumps and reports are kept.

    Attributes:
        path: ``SOLEFLIP_HOME``.
    """

    path: str

    @property
    def dumps(self) -> Path:
        """Dumps, readable by their owner only."""
        return Path(self.path) / "dumps"

    @property
    def reports(self) -> Path:
        """Deployment reports."""
        return Path(self.path) / "reports"


class Deployment(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The deployer of a run, who works as the owner: made by the first asset that asks, closed when it ends.

    One for the whole run, so that nobody else deploys between two of its assets.
    """

    owner_database: dg.ResourceDependency[OwnerDatabase]
    _deployer: Deployer | None = PrivateAttr(default=None)

    def deployer(self, log: Log) -> Deployer:
        """The run's deployer.

        Args:
            log: where it tells its progress, as long as the asset that asks is at work.

        Raises:
            dagster.Failure: somebody else is deploying, or a newer version has; the run is not retried.
        """
        if self._deployer is None:
            try:
                self._deployer = Deployer(self.owner_database.engine, log)
            except DeploymentError as error:
                raise dg.Failure(str(error), allow_retries=False) from error
        self._deployer.log = log
        return self._deployer

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:  # noqa: ARG002
        """Let another deployer in."""
        if self._deployer is not None:
            self._deployer.close()
            self._deployer = None
