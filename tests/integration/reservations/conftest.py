"""The shop that the platform keeps reservations for."""

import pytest
from sqlalchemy.engine import URL

from tests.conftest import Databases


@pytest.fixture
def shop_url(databases: Databases) -> URL:
    """A database with Phase 2 and the sample shop of 1,172 items, none reserved."""
    return databases.deployed("production")
