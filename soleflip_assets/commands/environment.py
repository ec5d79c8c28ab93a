"""The surroundings of a command: servers up, databases there, variables set, Dagster's home filled.

Here: what every command does before it runs a job. Not here: the job, or the processes of ``soleflip up``.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import URL

from soleflip_assets.embedded.postgres import PostgresServer
from soleflip_assets.ground.database import (
    create_database_engine,
    query_one,
    require_reachable,
    require_same,
    require_usable,
)
from soleflip_assets.ground.settings import (
    DAGSTER_STORAGE_URL,
    DATABASE_URL,
    FILES,
    HOME,
    ConfigurationError,
    Sample,
    Settings,
)
from soleflip_assets.sample.sample import create_legacy_schema, fill

_DATABASE = "soleflip"
_DAGSTER_DATABASE = "dagster"


@dataclass(frozen=True)
class Environment:
    """Where a command works.

    Attributes:
        settings: as the user gave them.
        database_url: SoleFlip's database.
        embedded: whether that is ours, and so may be filled and deployed without being asked.
    """

    settings: Settings
    database_url: URL
    embedded: bool


@contextmanager
def prepared(settings: Settings) -> Iterator[Environment]:
    """Everything a job needs, for the length of the block; also for the processes started in it.

    Raises:
        ConfigurationError: the database cannot be worked on.
    """
    if settings.database_url is not None:
        if settings.owner_database_url is not None:
            require_same(settings.database_url, settings.owner_database_url)
        else:
            require_usable(DATABASE_URL, settings.database_url)
    if settings.dagster_storage_url is not None:
        require_reachable(DAGSTER_STORAGE_URL, settings.dagster_storage_url)
    make_home(settings.home)
    if settings.database_url is not None and settings.dagster_storage_url is not None:
        yield _enter(settings, settings.database_url, settings.dagster_storage_url)
        return

    with PostgresServer(settings.embedded_data).running() as server:
        if settings.dagster_storage_url is None:
            server.create_database(_DAGSTER_DATABASE)
        if settings.database_url is None:
            server.create_database(_DATABASE)
            _fill_if_empty(server.url(_DATABASE), settings.sample)
        yield _enter(
            settings,
            settings.database_url or server.url(_DATABASE),
            settings.dagster_storage_url or server.url(_DAGSTER_DATABASE),
        )


@contextmanager
def server_running(settings: Settings) -> Iterator[URL]:
    """The server of SoleFlip's database, for the length of the block, whatever became of the database itself.

    Yields:
        The database's URL, as its owner.
    """
    if settings.database_url is not None:
        yield settings.owner_database_url or settings.database_url
        return
    make_home(settings.home)
    with PostgresServer(settings.embedded_data).running() as server:
        yield server.url(_DATABASE)


def make_home(home: Path) -> None:
    """Make SOLEFLIP_HOME, unless it is there.

    Raises:
        ConfigurationError: nothing can be written there.
    """
    try:
        # As root, the server runs as another account, which has to pass through here but not to look around.
        home.mkdir(mode=0o711, parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror
    else:
        if os.access(home, os.W_OK | os.X_OK):
            return
        reason = "it belongs to somebody else"
    raise ConfigurationError(
        f"{HOME} is {home}, where nothing can be written ({reason}): set it to a folder of your own."
    )


def _enter(settings: Settings, database_url: URL, dagster_storage_url: URL) -> Environment:
    settings.dagster_home.mkdir(parents=True, exist_ok=True)
    # Put in place whole: processes of a running `soleflip up` read it at any moment.
    copy = settings.dagster_home / f"dagster.yaml.{os.getpid()}"
    shutil.copyfile(FILES / "dagster.yaml", copy)
    copy.replace(settings.dagster_home / "dagster.yaml")
    os.environ |= {
        HOME: str(settings.home),
        "DAGSTER_HOME": str(settings.dagster_home),
        DATABASE_URL: database_url.render_as_string(hide_password=False),
        # The scheme, because SQLAlchemy 2.1 takes a bare postgresql:// for psycopg 3, on which
        # dagster-postgres fails at NOTIFY.
        DAGSTER_STORAGE_URL: dagster_storage_url.set(
            drivername="postgresql+psycopg2"
        ).render_as_string(hide_password=False),
    }
    return Environment(settings, database_url, embedded=settings.database_url is None)


def _fill_if_empty(url: URL, sample: Sample) -> None:
    """Create the schema as it was before Phase 2, with sample rows; all of it or nothing."""
    with create_database_engine(url).begin() as connection:
        if not query_one(connection, "monitoring/server.sql")["has_stock"]:
            create_legacy_schema(connection)
            fill(connection, sample)
