"""Databases that a restore makes beside the shop's: their names, what becomes of them, and from where.

Here: a connection that is in nobody's way, keeping two restores apart, dropping what is unfinished.
Not here: what is put into them (restore.py), and what they are (properties.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from psycopg import sql
from sqlalchemy import Connection
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, OperationalError

from soleflip_assets.deploying.deployer import DeploymentError, Log
from soleflip_assets.ground.database import execute_statement, query_file, query_one
from soleflip_assets.ground.sessions import create_database_engine, require_own_session

# PostgreSQL cuts a name at 63 bytes; the longest suffix, a moment included, has 33.
_LONGEST_BASE = 30


class RestoreError(DeploymentError):
    """A dump cannot be brought back, or not into this place; the message says why and what was left alone."""


class Names:
    """What the databases beside one are called.

    Attributes:
        scratch: the drill's.
        unfinished: one that is being restored; dropped by the next restore if it was left behind.
        restored: one that is proven.
        replaced: what a proven one has replaced.
    """

    def __init__(self, database: str) -> None:
        moment = f"{datetime.now(UTC):%Y%m%d_%H%M%S_%f}"
        self.base = database.encode()[:_LONGEST_BASE].decode(errors="ignore")
        self.scratch = f"{self.base}_restore_drill"
        self.unfinished = f"{self.base}_restoring_{moment}"
        self.restored = f"{self.base}_restored_{moment}"
        self.replaced = f"{self.base}_replaced_{moment}"


@contextmanager
def maintenance(url: URL, *, rename: bool) -> Iterator[Connection]:
    """A connection that is in nobody's way: each statement a transaction of its own, in another database.

    Args:
        url: the database to work beside.
        rename: whether its name is to be changed, which cannot be done from within.

    Raises:
        RestoreError: it is to be renamed, and there is no other one to do that from.
    """
    engine = create_database_engine(
        maintenance_url(url, rename=rename), application_name="soleflip restore"
    )
    with engine.connect() as connection:
        # Its lock is the session's, and CREATE DATABASE is refused in a transaction.
        require_own_session(connection)
        yield connection.execution_options(isolation_level="AUTOCOMMIT")


def maintenance_url(url: URL, *, rename: bool) -> URL:
    """Another database of the server, from which one is restored, renamed or dropped.

    Args:
        url: the database to work beside.
        rename: whether its name is to be changed.

    Raises:
        RestoreError: as :func:`maintenance`.
    """
    return url.set(database=_maintenance_database(url, rename=rename))


def _maintenance_database(url: URL, *, rename: bool) -> str:
    """``postgres``, as everywhere; where it was dropped or is closed to this user, one that is not."""
    if url.database != "postgres":
        with (
            suppress(OperationalError),
            create_database_engine(url.set(database="postgres")).connect(),
        ):
            return "postgres"
    if not rename:
        return str(url.database)
    with create_database_engine(url).connect() as connection:
        other = query_file(connection, "restore/another_database.sql", database=url.database)
    if not other:
        raise RestoreError(
            f"{url.database} is the only database that this user may connect to, and none can be renamed "
            "from within: make another one with CREATE DATABASE postgres. Nothing was touched."
        )
    return str(other[0]["name"])


@contextmanager
def alone(connection: Connection, names: Names, log: Log) -> Iterator[None]:
    """Keep other restores of the database away for the block, and drop what dead ones have left.

    Raises:
        RestoreError: one is at work.
    """
    if not query_one(connection, "restore/lock.sql", database=names.base)["taken"]:
        raise RestoreError(
            f"Another restore of {names.base} is at work: wait for its end, then run this again."
        )
    unfinished = names.unfinished.removesuffix(names.unfinished[-22:])
    for row in query_file(
        connection, "restore/leftovers.sql", scratch=names.scratch, unfinished=unfinished
    ):
        log(f"{row['name']} was left unfinished by a restore that died: it is dropped")
        drop(connection, row["name"])
    yield


@contextmanager
def dropped_on_failure(connection: Connection, name: str) -> Iterator[None]:
    """Drop a database if the block fails; the block's own error is the one to be seen."""
    try:
        yield
    except BaseException as error:
        try:
            drop(connection, name)
        except DBAPIError:
            error.add_note(f"{name} could not be dropped: the next restore or drill drops it.")
        raise


def drop(connection: Connection, name: str) -> None:
    """Drop a database of ours, whatever was restored into it: settings, limits, subscriptions."""
    exists = query_one(connection, "restore/database_exists.sql", database=name)
    if not exists["database_exists"]:
        return
    for statement in (
        "ALTER DATABASE {} WITH ALLOW_CONNECTIONS true CONNECTION LIMIT -1 IS_TEMPLATE false",
        "ALTER DATABASE {} RESET ALL",
    ):
        _execute(connection, statement, name)
    disarm_subscriptions(connection, name, drop=True)
    _execute(connection, "DROP DATABASE {} WITH (FORCE)", name)


def disarm_subscriptions(connection: Connection, name: str, *, drop: bool = False) -> list[str]:
    """Part a database's subscriptions from their slots, which are those of the database that was dumped.

    Without that nobody could drop one, or the database: or worse, the slot of the live one would go with it.

    Args:
        connection: to any database of the server.
        name: of the database.
        drop: whether to drop them, too.

    Returns:
        Their names.
    """
    found = query_file(connection, "restore/subscriptions.sql", database=name)
    if not found:
        return []
    engine = create_database_engine(connection.engine.url.set(database=name))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as own:
        for row in found:
            if row["enabled"]:
                _execute(own, "ALTER SUBSCRIPTION {} DISABLE", row["name"])
            _execute(own, "ALTER SUBSCRIPTION {} SET (slot_name = NONE)", row["name"])
            if drop:
                _execute(own, "DROP SUBSCRIPTION {}", row["name"])
    return [row["name"] for row in found]


def refuse_if_connected(connection: Connection, database: str, left: str) -> None:
    """Make sure that nobody is connected to a database.

    Args:
        connection: to another one.
        database: its name.
        left: what was left alone, for the message.

    Raises:
        RestoreError: somebody is; the message names them.
    """
    connected = query_file(connection, "restore/connected.sql", database=database)
    if connected:
        who = "; ".join(
            f"{row['user_name']} ({row['application'] or 'no name'}, {row['client']}, "
            f"server process {row['pid']})"
            for row in connected
        )
        raise RestoreError(
            f"{len(connected)} sessions are connected to {database}: {who}. Stop them, then run this again. "
            f"{left}."
        )


def rename(connection: Connection, old: str, new: str) -> None:
    """Give a database another name."""
    statement = sql.SQL("ALTER DATABASE {} RENAME TO {}")
    execute_statement(
        connection, statement.format(sql.Identifier(old), sql.Identifier(new)).as_string()
    )


def _execute(connection: Connection, statement: str, name: str) -> None:
    execute_statement(connection, sql.SQL(statement).format(sql.Identifier(name)).as_string())
