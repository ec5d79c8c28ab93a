"""What the tests of the consolidation share: databases, and the state that a deployment ends in."""

import pytest
from sqlalchemy.engine import URL

from tests.conftest import Databases
from tests.integration.phase2.state import State, logical


@pytest.fixture
def legacy(databases: Databases) -> URL:
    """A busy shop's database before Phase 2."""
    return databases.legacy("busy")


@pytest.fixture
def deployed(databases: Databases) -> URL:
    """A busy shop's database after Phase 2."""
    return databases.deployed("busy")


@pytest.fixture(scope="session")
def undisturbed(databases: Databases) -> State:
    """What a deployment onto the busy sample ends in when nothing goes wrong."""
    return logical(databases.deployed("busy"))
