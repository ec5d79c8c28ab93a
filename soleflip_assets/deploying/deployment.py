"""The deployer as a Dagster resource: one for the whole run. Not here: what it does (deployer.py)."""

import dagster as dg
from pydantic import PrivateAttr

from soleflip_assets.deploying.deployer import Deployer, DeploymentError, Log
from soleflip_assets.ground.resource import OwnerDatabase


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
