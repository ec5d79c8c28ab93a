"""What the tests of the metrics share: databases whose view is kept in either mode, and the ways between."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection
from sqlalchemy.engine import URL

from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.metrics.mode import Mode, switch
from tests.conftest import Databases, connect
from tests.integration.phase2.deployment import run_deployment

OTHER = {Mode.MATERIALIZED: Mode.INCREMENTAL, Mode.INCREMENTAL: Mode.MATERIALIZED}
# From the first, each mode from each other one.
MATERIALIZED, INCREMENTAL, LIVE = Mode
WALK = (INCREMENTAL, LIVE, MATERIALIZED, LIVE, INCREMENTAL, MATERIALIZED)
SWITCHES = (
    (INCREMENTAL, MATERIALIZED),
    (MATERIALIZED, INCREMENTAL),
    (INCREMENTAL, LIVE),
    (LIVE, MATERIALIZED),
)


def switch_to(url: URL, mode: Mode) -> bool:
    """Switch, as the job does."""
    with Deployer(create_database_engine(url), log=lambda _: None) as deployer:
        return switch(deployer, mode)


def deploy_again(url: URL) -> list[str]:
    """The steps that a deployment applies."""
    return [str(outcome) for outcome in run_deployment(url) if outcome.applied]


@pytest.fixture
def deployed(databases: Databases) -> URL:
    """A busy shop's database with Phase 2 deployed; its view is materialized."""
    return databases.deployed("busy")


@pytest.fixture
def incremental(databases: Databases) -> URL:
    """A busy shop's database whose view is one of the read model."""
    return databases.deployed("busy", Mode.INCREMENTAL)


@pytest.fixture
def shop(incremental: URL) -> Iterator[Connection]:
    """A connection to it on which each statement is a transaction of its own."""
    with connect(incremental) as connection:
        yield connection
