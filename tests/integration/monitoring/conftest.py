"""What the tests of the monitors share."""

from collections.abc import Iterator

import pytest
from sqlalchemy.engine import URL

from tests.conftest import running_databases


@pytest.fixture(scope="module")
def databases_15_prepared() -> Iterator[URL]:
    """A deployed shop on a server that allows prepared transactions."""
    for databases in running_databases("15", max_prepared_transactions="2"):
        yield databases.deployed("production")
