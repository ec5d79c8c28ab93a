"""Partitions of a table by month: which there are, making one, letting one go.

Here: what changes the list of a table's partitions, each in a way for which no reader or writer waits.
Not here: which months a table should have (history/, partitioning/), what is kept of one that leaves
(archive.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import sql
from sqlalchemy import Connection

from soleflip_assets.ground.database import (
    execute_statement,
    query_file,
    query_one,
    roll_back_block,
)
from soleflip_assets.ground.deadlines import CONCURRENT_LOCK
from soleflip_assets.ground.retrying import retrying
from soleflip_assets.ground.sql_files import SqlFile
from soleflip_assets.months.month import Month

# The step that makes inventory_ops.make_month(); who uses this applies it first.
MAKE_MONTH = SqlFile("months/months_10_make_month.sql")

# Nobody waits behind SHARE UPDATE EXCLUSIVE but VACUUM, ANALYZE and other DDL; a VACUUM may hold it for long.
_LOCK_TIMEOUT = "500ms"


@dataclass(frozen=True)
class TableName:
    """A table.

    Attributes:
        schema: its schema.
        name: its name.
    """

    schema: str
    name: str

    def __str__(self) -> str:
        """As SQL writes it, for ``to_regclass``."""
        return self.identifier.as_string()

    @property
    def plain(self) -> str:
        """For people, and for records of ours."""
        return f"{self.schema}.{self.name}"

    @property
    def identifier(self) -> sql.Identifier:
        """For a statement that is composed."""
        return sql.Identifier(self.schema, self.name)

    def partition(self, month: Month) -> "TableName":
        """The partition of a month."""
        return TableName(self.schema, f"{self.name}_{month.suffix}")


@dataclass(frozen=True)
class Partition:
    """A partition as it is.

    Attributes:
        table: its own name.
        lower: its first moment; None where it is open, or no time.
        upper: the first moment after it; None as before.
        bounds: as PostgreSQL prints them.
        detach_pending: whether a DETACH … CONCURRENTLY has begun and not ended.
        bytes: its room on disk, with indexes.
        estimated_rows: the planner's guess.
    """

    table: TableName
    lower: datetime | None
    upper: datetime | None
    bounds: str
    detach_pending: bool
    bytes: int
    estimated_rows: int

    @property
    def month(self) -> Month | None:
        """The month that it is; None where its bounds are not those of one month in UTC."""
        if self.lower is None:
            return None
        month = Month.of(self.lower)
        return month if (self.lower, self.upper) == (month.begin, month.end) else None


def list_months(connection: Connection, parent: TableName) -> list[Partition]:
    """The partitions of a table, oldest first; none where it is not there or not partitioned.

    Args:
        connection: a session of ours, which is in UTC.
        parent: the partitioned table.
    """
    return [
        Partition(
            table=TableName(parent.schema, row["name"]),
            lower=row["lower_bound"],
            upper=row["upper_bound"],
            bounds=row["bounds"],
            detach_pending=row["detach_pending"],
            bytes=row["bytes"],
            estimated_rows=row["estimated_rows"],
        )
        for row in query_file(connection, "months/list.sql", parent=str(parent))
    ]


def make_month(connection: Connection, parent: TableName, month: Month) -> bool:
    """Give a table a partition for a month; nobody who reads or writes waits.

    Args:
        connection: one that runs each statement by itself, of a role that may call the function.
        parent: the partitioned table.
        month: which.

    Returns:
        False if it had one.

    Raises:
        LockedOutError: somebody else changed the table for too long.
        sqlalchemy.exc.DBAPIError: another partition covers some of it, or a table has its name.
    """

    def attempt(_: int) -> bool:
        begin_with_lock_timeout(connection, _LOCK_TIMEOUT)
        try:
            row = query_one(
                connection, "months/make.sql", parent=str(parent), month=month.first_day
            )
            execute_statement(connection, "COMMIT")
        except BaseException:
            roll_back_block(connection)
            raise
        return bool(row["made"])

    return retrying(attempt)


def make_months(connection: Connection, parent: TableName, months: Iterable[Month]) -> list[Month]:
    """Give a table a partition for each of some months.

    Returns:
        Those that it did not have.
    """
    return [month for month in months if make_month(connection, parent, month)]


def detach_month(connection: Connection, parent: TableName, partition: TableName) -> None:
    """Take a partition out of its table, which it then is no part of; one that died at it is finished.

    Waits for the transactions that use the table, for which nobody else waits.

    Args:
        connection: the owner's, one that runs each statement by itself, outside of any transaction.
        parent: the partitioned table.
        partition: one of its partitions; what is no partition of it any more is left alone.
    """

    def attempt(_: int) -> None:
        found = {one.table: one for one in list_months(connection, parent)}.get(partition)
        if found is None:
            return
        # Cut short, it would be left pending, which the next try finishes.
        execute_statement(
            connection, _set("lock_timeout", CONCURRENT_LOCK.milliseconds).as_string()
        )
        how = sql.SQL("FINALIZE" if found.detach_pending else "CONCURRENTLY")
        statement = sql.SQL("ALTER TABLE {} DETACH PARTITION {} {}").format(
            parent.identifier, partition.identifier, how
        )
        execute_statement(connection, statement.as_string())

    retrying(attempt, attempts=3)


def drop_detached(connection: Connection, table: TableName) -> None:
    """Drop a table that was a partition; never CASCADE, and never one that still is a partition.

    Args:
        connection: the owner's, one that runs each statement by itself.
        table: what was detached; one that is not there is left so.
    """

    def attempt(_: int) -> None:
        begin_with_lock_timeout(connection, _LOCK_TIMEOUT)
        try:
            statement = sql.SQL("DROP TABLE IF EXISTS {}").format(table.identifier)
            execute_statement(connection, statement.as_string())
            execute_statement(connection, "COMMIT")
        except BaseException:
            roll_back_block(connection)
            raise

    if query_one(connection, "months/is_partition.sql", table=str(table))["is_partition"]:
        raise ValueError(f"{table} is still a partition")
    retrying(attempt)


def begin_with_lock_timeout(connection: Connection, timeout: str) -> None:
    """Begin a transaction in which each lock is waited for so long at most."""
    execute_statement(connection, "BEGIN")
    execute_statement(connection, _set("lock_timeout", timeout, local=True).as_string())


def _set(parameter: str, value: str, *, local: bool = False) -> sql.Composed:
    words: Any = "SET LOCAL {} = {}" if local else "SET {} = {}"
    return sql.SQL(words).format(sql.Identifier(parameter), sql.Literal(value))
