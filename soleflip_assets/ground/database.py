"""The connection to SoleFlip's database, and how a file of sql/ is run on it.

Here: engines, the Dagster resource, what a server must be to be worked on. Not here: what any
statement means. Nothing in this project opens a connection to SoleFlip's data in another way.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg
from psycopg.pq import TransactionStatus
from sqlalchemy import (
    Connection,
    CursorResult,
    Engine,
    NullPool,
    RowMapping,
    create_engine,
    event,
    text,
)
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from soleflip_assets.ground.bounded import BoundedConnection
from soleflip_assets.ground.deadlines import CLIENT_GONE, CONNECTION_PARAMETERS, Deadline
from soleflip_assets.ground.settings import (
    DATABASE_URL,
    OWNER_DATABASE_URL,
    ConfigurationError,
    owner_database_url,
    parse_postgres_url,
)
from soleflip_assets.ground.sql_files import SqlFile

OLDEST_SERVER = 15


def create_database_engine(url: URL, application_name: str = "soleflip") -> Engine:
    """An engine without a pool: a job opens few connections and must leave none behind.

    Args:
        url: a ``postgresql://`` URL, whichever driver it names.
        application_name: what ``pg_stat_activity`` shows, unless the URL says otherwise.
    """
    query = {"application_name": application_name} | CONNECTION_PARAMETERS | dict(url.query)
    engine = create_engine(
        url.set(drivername="postgresql+psycopg", query=query), poolclass=NullPool
    )
    event.listen(engine, "do_connect", _connect)
    return engine


def _connect(_dialect: Any, _record: Any, arguments: list[Any], parameters: dict[str, Any]) -> Any:
    return BoundedConnection.connect(*arguments, **parameters)


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
    def engine(self) -> Engine:
        """A new engine on the database."""
        return create_database_engine(parse_postgres_url(self.variable, self.url))

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection that commits each statement by itself, as psql does."""
        with self.engine.connect() as connection:
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
        with self.transaction() as connection:
            set_limits(connection, lock=lock, statement=statement)
            yield connection


class OwnerDatabase(Database):
    """SoleFlip's database as the owner of its tables, for what changes the schema or reads all of it.

    ``SOLEFLIP_OWNER_DATABASE_URL``, read when a connection is made; the database as everything else uses it
    where that is not set. So neither URL is ever in a run's configuration.
    """

    @property
    def engine(self) -> Engine:
        """A new engine on the database, as its owner."""
        url = owner_database_url()
        return create_database_engine(url) if url else super().engine


def set_limits(connection: Connection, *, lock: Deadline, statement: Deadline) -> None:
    """Give the statements of the transaction that is open an end.

    Args:
        connection: in a transaction.
        lock: how long each waits for a lock.
        statement: how long each takes at most.
    """
    query_one(connection, "monitoring/limits.sql", **limits(lock=lock, statement=statement))


def limits(*, lock: Deadline, statement: Deadline) -> dict[str, str]:
    """As the parameters of sql/monitoring/limits.sql."""
    return {
        "lock_timeout": lock.milliseconds,
        "statement_timeout": statement.milliseconds,
        "client_check": CLIENT_GONE.milliseconds,
    }


def execute_statement(connection: Connection, statement: str) -> None:
    """Execute one statement as it stands: a percent sign in it is a percent sign."""
    connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def roll_back_block(connection: Connection) -> None:
    """Leave a block that a BEGIN of ours opened; harmless outside of one.

    Not on a connection that is gone: the error that says so is the one to be seen.
    """
    if not connection.invalidated:
        execute_statement(connection, "ROLLBACK")


@contextmanager
def undone(connection: Connection) -> Iterator[None]:
    """Undo at the end of the block what it set or wrote, in a transaction of its own or the caller's."""
    driver: Any = connection.connection.driver_connection
    idle = driver.info.transaction_status == TransactionStatus.IDLE
    execute_statement(connection, "BEGIN" if idle else "SAVEPOINT undone")
    try:
        yield
    finally:
        # On a connection that is gone there is nothing to undo, and the error that says so is on its way.
        if not connection.invalidated:
            execute_statement(connection, "ROLLBACK" if idle else "ROLLBACK TO SAVEPOINT undone")


def run_file(connection: Connection, path: str) -> None:
    """Execute the statements of a file of sql/ one after the other."""
    for statement in SqlFile(path).statements:
        execute_statement(connection, statement)


def query_file(connection: Connection, path: str, **parameters: Any) -> list[RowMapping]:
    """The rows of a file of sql/ that holds one statement.

    Args:
        connection: where.
        path: relative to sql/.
        parameters: the values of the file's ``:names``, which psql also understands.
    """
    return list(_execute(connection, path, parameters).mappings())


def query_one(connection: Connection, path: str, **parameters: Any) -> RowMapping:
    """The single row of a file of sql/ that holds one statement.

    Raises:
        sqlalchemy.exc.NoResultFound: it gave no row.
    """
    return _execute(connection, path, parameters).mappings().one()


def _execute(connection: Connection, path: str, parameters: Mapping[str, Any]) -> CursorResult[Any]:
    (statement,) = SqlFile(path).statements
    return connection.execute(text(statement), parameters)


def require_reachable(variable: str, url: URL) -> RowMapping:
    """Make sure that a database answers.

    Args:
        variable: the environment variable that it came from, for the message.
        url: the database.

    Returns:
        What monitoring/server.sql says of it.

    Raises:
        ConfigurationError: it does not answer, or not to this user.
    """
    try:
        with create_database_engine(url).connect() as connection:
            return query_one(connection, "monitoring/server.sql")
    except DBAPIError as error:
        # The driver's own words, without the statement and parameters that SQLAlchemy adds.
        reason = " ".join(str(error.orig).split())
        if url.password:
            reason = reason.replace(str(url.password), "***")
        raise ConfigurationError(
            f"{variable} points at {_shown(url)}, which cannot be used ({reason}): {_fix(reason)}."
        ) from None


def _fix(reason: str) -> str:
    if "certificate verify failed" in reason:
        return "set sslrootcert in the URL to the root that signed the server's certificate"
    return "start that server or correct the URL"


def require_usable(variable: str, url: URL) -> RowMapping:
    """Make sure that SoleFlip's database can be worked on at all.

    Args:
        variable: the environment variable that it came from, for the message.
        url: the database.

    Returns:
        What monitoring/server.sql says of it.

    Raises:
        ConfigurationError: it cannot be reached, is older than PostgreSQL 15, or holds no inventory
            schema.
    """
    server = require_reachable(variable, url)
    if server["major_version"] < OLDEST_SERVER:
        raise ConfigurationError(
            f"{_shown(url)} is PostgreSQL {server['major_version']}: "
            f"upgrade it to {OLDEST_SERVER} or newer."
        )
    if not server["has_stock"]:
        raise ConfigurationError(
            f"{_shown(url)} has no table inventory.stock: point {variable} at SoleFlip's database."
        )
    return server


def require_same(url: URL, owner: URL) -> None:
    """Make sure that a database can be worked on, and is the same one for its owner.

    Raises:
        ConfigurationError: one of them cannot be used, or what the owner would change is another database.
    """
    seen, seen_by_owner = (
        require_usable(variable, found)
        for variable, found in ((DATABASE_URL, url), (OWNER_DATABASE_URL, owner))
    )
    if seen != seen_by_owner:
        raise ConfigurationError(
            f"{DATABASE_URL} is {_shown(url)} and {OWNER_DATABASE_URL} is {_shown(owner)}, which is another "
            "database: point both at SoleFlip's."
        )


def _shown(url: URL) -> str:
    """The URL without what is secret."""
    return url.set(query={}).render_as_string(hide_password=True)
