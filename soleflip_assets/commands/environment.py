"""The surroundings of a command: servers up, databases there, variables set, Dagster's home filled.

Here: what every command does before it runs a job. Not here: the job, or the processes of ``soleflip up``.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.engine import URL

from soleflip_assets.embedded.postgres import PostgresServer, server_account
from soleflip_assets.ground.database import (
    query_one,
    require_another,
    require_reachable,
    require_same,
    require_usable,
)
from soleflip_assets.ground.private_files import (
    private_folder,
    require_ours_within,
    write_private_file,
)
from soleflip_assets.ground.sessions import create_database_engine, require_own_session
from soleflip_assets.ground.settings import (
    DAGSTER_STORAGE_URL,
    DATABASE_URL,
    FILES,
    HOME,
    Sample,
    Settings,
)
from soleflip_assets.ground.urls import rendered
from soleflip_assets.sample.sample import create_legacy_schema, fill
from soleflip_assets.sample.trade import furnish

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

    @property
    def server(self) -> PostgresServer | None:
        """The embedded server; None where both databases are elsewhere."""
        needed = self.embedded or self.settings.dagster_storage_url is None
        return PostgresServer(self.settings.embedded_data) if needed else None


@contextmanager
def prepared(settings: Settings) -> Iterator[Environment]:
    """Everything a job needs, for the length of the block; also for the processes started in it.

    What is written meanwhile, also by Dagster, only we can read.

    Raises:
        ConfigurationError: the database cannot be worked on.
    """
    if settings.database_url is not None:
        if settings.owner_database_url is not None:
            require_same(settings.database_url, settings.owner_database_url)
        else:
            require_usable(DATABASE_URL, settings.database_url)
    if settings.dagster_storage_url is not None:
        if settings.database_url is not None:
            require_another(settings.database_url, settings.dagster_storage_url)
        else:
            require_reachable(DAGSTER_STORAGE_URL, settings.dagster_storage_url)
    make_home(settings.home)
    umask = os.umask(0o077)
    try:
        with _environment(settings) as environment:
            yield environment
    finally:
        os.umask(umask)


@contextmanager
def _environment(settings: Settings) -> Iterator[Environment]:
    if settings.database_url is not None and settings.dagster_storage_url is not None:
        yield _enter(settings, settings.database_url, settings.dagster_storage_url)
        return

    with PostgresServer(settings.embedded_data).running() as server:
        if settings.dagster_storage_url is None:
            server.create_database(_DAGSTER_DATABASE)
        if settings.database_url is None:
            server.create_database(_DATABASE)
            if settings.dagster_storage_url is not None:
                require_another(server.url(_DATABASE), settings.dagster_storage_url)
            _fill_if_empty(server.url(_DATABASE), settings.sample)
        yield _enter(
            settings,
            settings.database_url or server.url(_DATABASE),
            settings.dagster_storage_url or server.url(_DAGSTER_DATABASE),
        )


def require_direct(environment: Environment) -> None:
    """Make sure that the owner's sessions are its own, for what changes the schema.

    Raises:
        ConfigurationError: a pooler lends them to others.
    """
    url = environment.settings.owner_database_url or environment.database_url
    with create_database_engine(url).connect() as connection:
        require_own_session(connection)


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
    """Make ``SOLEFLIP_HOME``, or see that it and what is in it are ours.

    Raises:
        ConfigurationError: somebody else made it, or something in it; or nothing can be written there.
    """
    # As root, the server runs as another account, which has to pass through here but not to look around.
    account = server_account()
    private_folder(home, passable=account is not None)
    require_ours_within(home, accounts=frozenset({account.pw_uid} if account else ()))


def _enter(settings: Settings, database_url: URL, dagster_storage_url: URL) -> Environment:
    private_folder(settings.dagster_home)
    # Put in place whole: processes of a running `soleflip up` read it at any moment.
    write_private_file(
        settings.dagster_home / "dagster.yaml", (FILES / "dagster.yaml").read_text(encoding="utf-8")
    )
    os.environ |= {
        HOME: str(settings.home),
        "DAGSTER_HOME": str(settings.dagster_home),
        DATABASE_URL: rendered(database_url),
        # The scheme, because SQLAlchemy 2.1 takes a bare postgresql:// for psycopg 3, on which
        # dagster-postgres fails at NOTIFY.
        DAGSTER_STORAGE_URL: rendered(dagster_storage_url, driver="postgresql+psycopg2"),
    }
    return Environment(settings, database_url, embedded=settings.database_url is None)


def _fill_if_empty(url: URL, sample: Sample) -> None:
    """Create the schema as it was before Phase 2, with sample rows; all of it or nothing."""
    with create_database_engine(url).begin() as connection:
        if not query_one(connection, "monitoring/server.sql")["has_stock"]:
            create_legacy_schema(connection)
            fill(connection, sample)
            if sample == "production":
                furnish(connection, datetime.now(UTC))
