"""The session that changes which tables are in partitions: one at a time, its locks short.

Here: sessions, transactions under a lock that nobody waits behind for long, and running statements that a
file of sql/ composed. Not here: what is changed.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import psycopg
from psycopg import sql
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from soleflip_assets.ground.database import (
    execute_statement,
    query_file,
    query_one,
    roll_back_block,
    run_file,
)
from soleflip_assets.ground.retrying import retrying
from soleflip_assets.ground.sessions import require_own_session
from soleflip_assets.ground.sql_files import SqlFile
from soleflip_assets.months.leaving import ARCHIVE_RECORD
from soleflip_assets.months.partitions import TableName
from soleflip_assets.partitioning.names import plain

Log = Callable[[str], None]
T = TypeVar("T")

# Nobody but DDL and VACUUM waits behind it; an autovacuum gives way after a second.
_DDL_TIMEOUT = "5s"
# Everybody waits behind it. With 60 ms to wait and 100 ms to work, the worst write of a busy shop stays
# below 250 ms.
_LOCK_MILLISECONDS = 60
# What is done under the lock takes milliseconds; a scan that nobody foresaw is cut short.
_HELD_TIMEOUT = "1s"
_ATTEMPTS = 100
_LONGEST_PAUSE = 0.5


class PartitioningError(Exception):
    """A table could not be put into partitions, kept in them or taken out: why, and what to do."""


@contextmanager
def told(table: TableName, state: str, then: str = "") -> Iterator[None]:
    """Have what PostgreSQL refuses told in a sentence.

    A lock, a time limit and a broken connection are no refusal.

    Args:
        table: what is worked on.
        state: of the table, then.
        then: what else can be done than to correct it and to run this again.

    Raises:
        PartitioningError: it refused something.
    """
    try:
        yield
    except (DBAPIError, psycopg.Error) as error:
        said_by = error.orig if isinstance(error, DBAPIError) else error
        if not isinstance(said_by, psycopg.Error) or isinstance(said_by, psycopg.OperationalError):
            raise
        words = f"{said_by.diag.message_primary or said_by}. {said_by.diag.message_detail or ''}"
        raise PartitioningError(
            f"{plain(table)} {state}: {' '.join(words.split())} Correct that, then run this again{then}."
        ) from error


@contextmanager
def partitioner(engine: Engine) -> Iterator[Connection]:
    """A session of the owner's that alone changes which tables are in partitions.

    Each statement commits by itself outside of a block.

    Raises:
        PartitioningError: another session is at it.
        ConfigurationError: a pooler lends the session to others.
    """
    with engine.connect() as opened:
        require_own_session(opened)
        connection = opened.execution_options(isolation_level="AUTOCOMMIT")
        run_file(connection, "partitioning/record.sql")
        run_file(connection, ARCHIVE_RECORD.path)
        if not query_one(connection, "partitioning/try_lock.sql")["acquired"]:
            raise PartitioningError(
                "Another session is changing partitions: wait for its end, then run this again."
            )
        yield connection


def run(connection: Connection, statement: str | sql.Composed) -> None:
    """Execute a statement, however it was composed."""
    execute_statement(
        connection, statement if isinstance(statement, str) else statement.as_string()
    )


def run_all(connection: Connection, statements: Sequence[str]) -> None:
    """Execute statements in one message: under a lock, each answer that has to be waited for costs time."""
    if statements:
        execute_statement(connection, ";\n".join(statements))


def statements_of(connection: Connection, path: str, **known: object) -> list[str]:
    """The statements that a file of sql/ composes from the catalog.

    Args:
        connection: the database.
        path: relative to sql/.
        known: the values of the file's ``:names``, and of others that it does not ask for.
    """
    wanted = SqlFile(path).parameters
    rows = query_file(
        connection, path, **{name: value for name, value in known.items() if name in wanted}
    )
    return [row["statement"] for row in rows]


def privileges_of(connection: Connection, table: TableName, partition: TableName) -> list[str]:
    """The statements that let all do with a new partition what they may do with the table, and no more."""
    return statements_of(
        connection,
        "partitioning/carry/20_privileges.sql",
        source=str(table),
        target=str(partition),
        schema=partition.schema,
        name=partition.name,
    )


def in_transaction(
    connection: Connection, action: Callable[[], T], *, lock_timeout: str = _DDL_TIMEOUT
) -> T:
    """Do something in one transaction, tried again as long as somebody holds what it needs.

    Raises:
        LockedOutError: somebody held it for too long.
    """

    def attempt(_: int) -> T:
        run(connection, "BEGIN")
        try:
            set_local(connection, "lock_timeout", lock_timeout)
            result = action()
            run(connection, "COMMIT")
        except BaseException:
            roll_back_block(connection)
            raise
        return result

    return retrying(attempt, attempts=_ATTEMPTS, longest_pause=_LONGEST_PAUSE)


class Held:
    """A lock of the shop's tables that readers and writers wait behind: for how long it is held."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._since = 0.0

    def acquire(self, table: TableName, referenced: Sequence[TableName]) -> None:
        """Lock a table, and what it references against writes, for the rest of the transaction.

        Raises:
            sqlalchemy.exc.DBAPIError: it was not free at once; ``in_transaction`` tries again.
        """
        set_local(self._connection, "statement_timeout", _HELD_TIMEOUT)
        self._since = time.perf_counter()
        self._lock(table, "ACCESS EXCLUSIVE")
        for other in referenced:
            self._lock(other, "SHARE ROW EXCLUSIVE")

    def _lock(self, table: TableName, mode: str) -> None:
        """Wait for no longer than is left for all: who waits for the first one waits for the others."""
        left = max(1, round(_LOCK_MILLISECONDS - self.milliseconds))
        set_local(self._connection, "lock_timeout", f"{left}ms")
        lock(self._connection, table, mode)

    @property
    def milliseconds(self) -> float:
        """Since it was asked for."""
        return 1000 * (time.perf_counter() - self._since)


def lock(connection: Connection, table: TableName, mode: str) -> None:
    """Lock a table until the end of the transaction."""
    words = {
        "ACCESS EXCLUSIVE": sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE"),
        "SHARE ROW EXCLUSIVE": sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE"),
        "SHARE UPDATE EXCLUSIVE": sql.SQL("LOCK TABLE {} IN SHARE UPDATE EXCLUSIVE MODE"),
    }
    run(connection, words[mode].format(table.identifier))


def lock_against_ddl(connection: Connection, table: TableName) -> None:
    """Keep others from changing a table's definition until the end of the transaction."""
    lock(connection, table, "SHARE UPDATE EXCLUSIVE")


def brief(connection: Connection, statement: sql.Composed) -> None:
    """Execute one statement that takes a strong lock for an instant, tried again until it gets it."""
    in_transaction(
        connection, lambda: run(connection, statement), lock_timeout=f"{_LOCK_MILLISECONDS}ms"
    )


def referenced_by(connection: Connection, table: TableName) -> list[TableName]:
    """The tables that a table's foreign keys lead to."""
    rows = query_file(connection, "partitioning/referenced.sql", source=str(table))
    return [TableName(row["schema_name"], row["table_name"]) for row in rows]


def set_local(connection: Connection, parameter: str, value: str) -> None:
    """Set a parameter until the end of the transaction."""
    run(
        connection,
        sql.SQL("SET LOCAL {} = {}").format(sql.Identifier(parameter), sql.Literal(value)),
    )
