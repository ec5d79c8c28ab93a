"""SoleFlip's database as Dagster's resource: how assets, checks, jobs and sensors receive it.

Not here: what is run on it (database.py). That module is also read by processes that can do without Dagster,
which is a second and 35 MB: `soleflip up` itself.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from sqlalchemy import Connection, Engine
from sqlalchemy.engine import URL

from soleflip_assets.ground.deadlines import Deadline
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.ground.settings import DATABASE_URL, Settings
from soleflip_assets.ground.urls import parse_postgres_url


class Database(dg.ConfigurableResource):  # type: ignore[type-arg]
    """SoleFlip's database, as the assets and checks receive it; housekeeping also receives Dagster's.

    Attributes:
        url: a ``postgresql://`` URL, normally ``EnvVar("SOLEFLIP_DATABASE_URL")`` so that the UI
            shows the variable's name and not its value.
        variable: where the URL comes from, for messages.
    """

    url: str
    variable: str = DATABASE_URL

    @property
    def location(self) -> URL:
        """Where it is, and as whom it is entered."""
        return parse_postgres_url(self.variable, self.url)

    @property
    def engine(self) -> Engine:
        """A new engine on the database."""
        return create_database_engine(self.location)

    @contextmanager
    def connect(self, **settings: str) -> Iterator[Connection]:
        """A connection that commits each statement by itself, as psql does.

        Args:
            settings: of the session, besides those that all of ours have: ``lock_timeout="10s"``.
        """
        with create_database_engine(self.location, **settings).connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction, committed at the end of the block and rolled back on any exception."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def limited(self, *, lock: Deadline, statement: Deadline) -> Iterator[Connection]:
        """One transaction whose statements have an end, whoever holds what they need.

        Args:
            lock: how long each waits for a lock.
            statement: how long each takes at most.
        """
        engine = create_database_engine(
            self.location,
            lock_timeout=lock.milliseconds,
            statement_timeout=statement.milliseconds,
        )
        with engine.begin() as connection:
            yield connection


class OwnerDatabase(Database):
    """SoleFlip's database as the owner of its tables, for what changes the schema or reads all of it.

    ``SOLEFLIP_OWNER_DATABASE_URL``, read when a connection is made; the database as everything else uses it
    where that is not set. So neither URL is ever in a run's configuration.
    """

    @property
    def location(self) -> URL:
        """Where it is, as its owner."""
        return Settings.from_environment().owner_database_url or super().location
