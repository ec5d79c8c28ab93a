"""Shops with the log, on servers on which transactions can be prepared."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import URL

from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.history.install import install
from soleflip_assets.sample.sample import create_legacy_schema
from tests.conftest import Databases, running_databases
from tests.integration.phase2.deployment import ignore

NEW_COLUMNS = """
ALTER TABLE inventory.stock
  ADD listed_on_platforms jsonb, ADD status_history jsonb, ADD reserved_quantity integer DEFAULT 0
"""


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[str, Databases]]:
    """A server of each version, made when it is asked for."""
    started: dict[str, Any] = {}

    class Servers(dict[str, Databases]):
        def __missing__(self, version: str) -> Databases:
            started[version] = running_databases(version, max_prepared_transactions="20")
            self[version] = next(started[version])
            return self[version]

    yield Servers()
    for running in started.values():
        running.close()


@pytest.fixture
def logged(databases: Databases) -> URL:
    """A busy shop after Phase 2, with the log."""
    return with_log(databases.deployed("busy"))


@pytest.fixture
def empty_shop(databases: Databases) -> URL:
    """A shop without rows and without Phase 2, with the log."""
    return with_log(without_rows(databases))


def without_rows(databases: Databases) -> URL:
    """A shop as Phase 2 was applied by hand, its old tables empty."""
    url = databases.empty()
    with create_database_engine(url).begin() as connection:
        create_legacy_schema(connection)
        connection.exec_driver_sql(NEW_COLUMNS)
    return url


def with_log(url: URL) -> URL:
    """The same, with the log."""
    with Deployer(create_database_engine(url), ignore) as deployer:
        install(deployer)
    return url


def session(url: URL, **settings: str) -> psycopg.Connection[Any]:
    """As the shop's own: nothing of ours is set."""
    text = url.set(drivername="postgresql").render_as_string(hide_password=False)
    connection = psycopg.connect(text, autocommit=True)
    for name, value in settings.items():
        connection.execute("SELECT set_config(%s, %s, false)", [name, value])
    return connection


def value(connection: psycopg.Connection[Any], query: str, *parameters: object) -> Any:
    """The first column of a query's first row."""
    row = connection.execute(query.encode(), parameters).fetchone()
    assert row is not None
    return row[0]
