"""How a file of sql/ is run on a database, and what a server must be.

Not here: opening a session and what it has set (sessions.py), the database as Dagster's resource
(resource.py), and what any statement means.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, CursorResult, RowMapping, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from soleflip_assets.ground.errors import ConfigurationError
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.ground.settings import (
    DAGSTER_STORAGE_URL,
    DATABASE_URL,
    OWNER_DATABASE_URL,
)
from soleflip_assets.ground.sql_files import SqlFile
from soleflip_assets.ground.urls import hide_secret, shown

OLDEST_SERVER = 15

_FIXES = (
    (
        "certificate verify failed",
        "set sslrootcert in the URL to the root that signed the server's certificate",
    ),
    ("database .* does not exist|no such database", "create that database, or correct the URL"),
    (
        (
            "password authentication failed|no password supplied|role .* does not exist|no such user|"
            "SASL authentication failed|no pg_hba.conf entry"
        ),
        "correct the URL: user or password, with %40 for @ in them",
    ),
    ("permission denied", "grant that, or correct the URL to a user who may"),
    ("unsupported startup parameter", "leave that out of the URL: a pooler is in between"),
    (
        "statement pooling mode",
        "set it to the URL of the server itself, or of a pooler in session or transaction mode",
    ),
    (r"\binvalid (port number|\w+ value|integer value)", "correct the URL"),
    (
        "too many (clients|connections)|remaining connection slots|no more connections allowed",
        "end sessions that nobody needs (pg_stat_activity shows them), or wait until some have ended",
    ),
    (
        "is (starting up|shutting down|in recovery mode|not yet accepting connections)",
        "wait until it has started, and run this again",
    ),
    (
        (
            "terminating connection|closed the connection unexpectedly|query_wait_timeout|"
            "due to (statement|lock) timeout"
        ),
        "run this again; the log of the server, or of a pooler in between, says why",
    ),
    ("", "start that server or correct the URL"),
)


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


def run_statement(connection: Connection, path: str, **parameters: Any) -> None:
    """Execute a file of sql/ that holds one statement, for what it does; rows that it may give are left.

    Args:
        connection: the database that it is about.
        path: relative to sql/.
        parameters: the values of the file's ``:names``.
    """
    _execute(connection, path, parameters).close()


def query_file(connection: Connection, path: str, **parameters: Any) -> list[RowMapping]:
    """The rows of a file of sql/ that holds one statement.

    Args:
        connection: the database that it is about.
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
        reason = hide_secret(" ".join(str(error.orig).split()), url.password)
        raise ConfigurationError(
            f"{variable} points at {shown(url)}, which cannot be used ({reason}): {_fix(reason)}."
        ) from None


def _fix(reason: str) -> str:
    """What to do, by the driver's words."""
    return next(fix for words, fix in _FIXES if re.search(words, reason))


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
            f"{shown(url)} is PostgreSQL {server['major_version']}: "
            f"upgrade it to {OLDEST_SERVER} or newer."
        )
    if not server["has_stock"]:
        raise ConfigurationError(
            f"{shown(url)} has no table inventory.stock: point {variable} at SoleFlip's database."
        )
    return server


def require_another(url: URL, storage: URL) -> None:
    """Make sure that Dagster's storage is a database of its own: its tables do not belong into the shop.

    Asks the servers, since one database has many URLs.

    Raises:
        ConfigurationError: both are one database.
    """
    shop, dagsters = (
        require_reachable(DATABASE_URL, url),
        require_reachable(DAGSTER_STORAGE_URL, storage),
    )
    # No two servers were started in the same microsecond.
    if all(shop[name] == dagsters[name] for name in ("server_started_at", "database")):
        raise ConfigurationError(
            f"{DAGSTER_STORAGE_URL} leads to {shop['database']}, the database of {DATABASE_URL}, where "
            "Dagster would make its own tables: create a database for Dagster and point it there."
        )


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
            f"{DATABASE_URL} is {shown(url)} and {OWNER_DATABASE_URL} is {shown(owner)}, which is another "
            "database: point both at SoleFlip's."
        )
