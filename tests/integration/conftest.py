"""What integration tests share: shops before and after Phase 2, and Dagster's instance on PostgreSQL."""

import shutil
from collections.abc import Iterator
from typing import Any

import dagster as dg
import psycopg
import pytest
from sqlalchemy.engine import URL

from soleflip_assets.commands.runs import keep_connections
from soleflip_assets.ground.settings import FILES
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


@pytest.fixture(scope="module")
def storage(databases: Databases) -> str:
    """A database for Dagster's storage, as a psycopg2 URL."""
    url = databases.dagster().set(drivername="postgresql+psycopg2")
    return url.render_as_string(hide_password=False)


@pytest.fixture(scope="module")
def instance(
    storage: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dg.DagsterInstance]:
    """Dagster's instance with the project's own dagster.yaml, on PostgreSQL."""
    home = tmp_path_factory.mktemp("dagster")
    shutil.copyfile(FILES / "dagster.yaml", home / "dagster.yaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_POSTGRES_URL", storage)
        with dg.DagsterInstance.from_config(str(home)) as instance:
            keep_connections(instance)
            yield instance


@pytest.fixture
def dagster_database(storage: str) -> Iterator[psycopg.Connection[Any]]:
    """Dagster's storage as rows."""
    with psycopg.connect(
        storage.replace("postgresql+psycopg2", "postgresql"), autocommit=True
    ) as connection:
        yield connection
