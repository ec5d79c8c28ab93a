"""Keeping tables in their months: months ahead are made, months past their retention leave.

A row that is in no month is in the partition of the rest, so no write fails for want of one. Here: making,
pruning, listing. Not here: conversions, and how a month is archived (months/archive.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import errors, sql
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from soleflip_assets.ground.database import query_file, query_one
from soleflip_assets.months.leaving import Leaving, drop_archived
from soleflip_assets.months.month import Month
from soleflip_assets.months.partitions import Partition, TableName, drop_detached, list_months
from soleflip_assets.partitioning.names import Keep, bound_of, plain
from soleflip_assets.partitioning.preflight import HORIZON_MONTHS
from soleflip_assets.partitioning.record import Managed
from soleflip_assets.partitioning.session import (
    Held,
    PartitioningError,
    in_transaction,
    privileges_of,
    referenced_by,
    run,
    run_all,
    set_local,
    statements_of,
)

MONTHS_AHEAD = 3
# Moved while the table is locked. With a GIN index and four others, 10,000 rows took a second on a busy
# machine.
MOST_ROWS_MOVED = 1_000
# Of which a person is told who lets everybody wait.
ROWS_A_SECOND = 20_000

_ATTACH_TIMEOUT = "60ms"
_RACES = 5
# Where a person lets everybody wait.
COPY_TIMEOUT = "1h"

# A table whose conversion goes on, or died.
BEING_CONVERTED = "being converted"

# Archives a month that was taken out, by the column of its time, and records it.
Archive = Callable[[Connection, Leaving, str], None]


@dataclass(frozen=True)
class Kept:
    """How a table in partitions stands.

    Attributes:
        managed: which.
        partitions: oldest first, the rest too.
        rows_in_rest: rows that are in no month, 1,001 for more.
        detached: what was taken out and is not dropped yet.
    """

    managed: Managed
    partitions: list[Partition]
    rows_in_rest: int
    detached: list[TableName]

    @property
    def bytes(self) -> int:
        """All partitions with their indexes."""
        return sum(partition.bytes for partition in self.partitions)

    @property
    def months(self) -> list[Month]:
        """Those that have a partition of their own."""
        return [found.month for found in self.partitions if found.month is not None]

    @property
    def last_month(self) -> Month | None:
        """The last one there is; None if there is none."""
        return max(self.months, default=None)

    @property
    def missing_months(self) -> list[Month]:
        """Months that have no partition, before others that have one."""
        if self.last_month is None:
            return []
        ends = [Month.of(part.upper) for part in self.partitions if part.upper and not part.month]
        return [
            month
            for month in min([*ends, *self.months]).to(self.last_month)
            if month not in self.months
        ]


def kept(connection: Connection, managed: Managed) -> Kept:
    """Look at a table in partitions."""
    return Kept(
        managed,
        list_months(connection, managed.table),
        _rows_in_rest(connection, managed) if managed.partitioned else 0,
        _detached(connection, managed),
    )


def _rows_in_rest(connection: Connection, managed: Managed) -> int:
    rest = managed.names.rest
    row = query_one(connection, "partitioning/rest_rows.sql", rest=str(rest), schema=rest.schema)
    if row["readable"]:
        return _count(connection, rest, sql.SQL("true"))
    return int(row["estimated_rows"])


def make_months(
    connection: Connection, managed: Managed, now: datetime, *, wait: bool = False
) -> list[Month]:
    """Give a table the months up to three after this one, or after its newest row where that is later.

    Args:
        connection: a partitioner's.
        managed: which table.
        now: the clock.
        wait: let readers and writers wait while rows are moved from the rest, however many there are.

    Returns:
        Those that it did not have.

    Raises:
        PartitioningError: the rest holds too many rows of a month for them to be moved.
        LockedOutError: somebody held the table for too long.
    """
    parts = list_months(connection, managed.table)
    this_month = Month.of(now)
    last = max(this_month, _newest(connection, managed, this_month)) + MONTHS_AHEAD
    ends = [Month.of(part.upper) for part in parts if part.upper and part.month is None]
    first = max(this_month, *ends) if ends else this_month
    had = {part.month for part in parts}
    wanted = [month for month in first.to(last) if month not in had]
    for month in wanted:
        _make_month(connection, managed, month, wait=wait)
    return wanted


def _newest(connection: Connection, managed: Managed, this_month: Month) -> Month:
    """The month of the newest row; of a row so far ahead that no month is made for it, this month."""
    column = sql.Identifier(managed.column)
    look = sql.SQL(
        "SELECT CAST(max({column}) AS timestamptz) FROM {table} WHERE {column} >= {now} AND "
        "{column} < {horizon}"
    ).format(
        column=column,
        table=managed.table.identifier,
        now=bound_of(this_month),
        horizon=bound_of(this_month + HORIZON_MONTHS),
    )
    newest = connection.exec_driver_sql(look.as_string()).scalar_one()
    return Month.of(newest) if newest else this_month


def _make_month(connection: Connection, managed: Managed, month: Month, *, wait: bool) -> None:
    for _ in range(_RACES):
        try:
            in_transaction(connection, lambda: _attach_new(connection, managed, month, wait=wait))
        except DBAPIError as error:
            # A row for the month came into the rest between the look and the lock.
            if not isinstance(error.orig, errors.CheckViolation):
                raise
        else:
            return
    raise PartitioningError(
        f"{plain(managed.table)}: rows of {month} come faster than its partition can be made: run this again."
    )


def _attach_new(connection: Connection, managed: Managed, month: Month, *, wait: bool) -> None:
    """Make a partition beside, as the rest is, and attach it; rows that the rest has of it move along."""
    rest, partition = managed.names.rest, managed.table.partition(month)
    run(
        connection,
        sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL EXCLUDING IDENTITY)").format(
            partition.identifier, rest.identifier
        ),
    )
    run_all(
        connection,
        [
            *statements_of(
                connection,
                "partitioning/partition_settings.sql",
                source=str(rest),
                partition=str(partition),
            ),
            *privileges_of(connection, managed.table, partition),
        ],
    )
    within = sql.SQL("{column} >= {begin} AND {column} < {end}").format(
        column=sql.Identifier(managed.column), begin=bound_of(month), end=bound_of(month + 1)
    )
    rows = _count(connection, rest, within)
    if rows > MOST_ROWS_MOVED and not wait:
        raise PartitioningError(
            f"{plain(managed.table)}: {rest.name} holds more than {MOST_ROWS_MOVED:,} rows of {month}, and "
            "readers and writers would wait while they are moved: they stay there, where they are read and "
            "written as any other. Run `soleflip partition --months --wait` at a quiet hour: a second for "
            f"some {ROWS_A_SECOND:,} rows."
        )
    set_local(connection, "lock_timeout", _ATTACH_TIMEOUT)
    if rows:
        Held(connection).acquire(managed.table, referenced_by(connection, managed.table))
        if wait:
            set_local(connection, "statement_timeout", COPY_TIMEOUT)
        _detach(connection, managed.table, rest)
        _move(connection, rest, partition, within)
    run(
        connection,
        sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
            managed.table.identifier, partition.identifier, bound_of(month), bound_of(month + 1)
        ),
    )
    if rows:
        run(
            connection,
            sql.SQL("ALTER TABLE {} ATTACH PARTITION {} DEFAULT").format(
                managed.table.identifier, rest.identifier
            ),
        )


def _detach(connection: Connection, table: TableName, partition: TableName) -> None:
    run(
        connection,
        sql.SQL("ALTER TABLE {} DETACH PARTITION {}").format(
            table.identifier, partition.identifier
        ),
    )


def _move(
    connection: Connection, source: TableName, target: TableName, within: sql.Composable
) -> None:
    """Move rows between two tables that are no partitions now, so that no trigger takes it for a change."""
    names = columns_of(connection, source)
    run(
        connection,
        sql.SQL(
            "WITH moved AS (DELETE FROM {source} WHERE {within} RETURNING {columns}) "
            "INSERT INTO {target} ({columns}) SELECT {columns} FROM moved"
        ).format(source=source.identifier, target=target.identifier, within=within, columns=names),
    )


def columns_of(connection: Connection, table: TableName) -> sql.Composed:
    """The columns that a copied row brings along."""
    rows = query_file(connection, "partitioning/columns.sql", table=str(table))
    return sql.SQL(", ").join(sql.Identifier(row["name"]) for row in rows)


def _count(connection: Connection, table: TableName, within: sql.Composable) -> int:
    """Rows of a table, counted no further than one more than may be moved."""
    look = sql.SQL("SELECT count(*) FROM (SELECT FROM {} WHERE {} LIMIT {}) AS counted").format(
        table.identifier, within, sql.Literal(MOST_ROWS_MOVED + 1)
    )
    return int(connection.exec_driver_sql(look.as_string()).scalar_one())


def overdue(managed: Managed, parts: list[Partition], now: datetime) -> list[Partition]:
    """The partitions whose retention is over: all their rows are older than that."""
    if managed.keep is None:
        return []
    limit = _limit(managed.keep, now)
    return [part for part in parts if part.upper is not None and part.upper <= limit]


def _limit(keep: Keep, now: datetime) -> datetime:
    if keep.unit == "d":
        return now - timedelta(days=keep.number)
    return (Month.of(now) + -keep.number).begin


def prune(
    connection: Connection, managed: Managed, now: datetime, archive: Archive
) -> list[TableName]:
    """Let the months go whose retention is over.

    A month is taken out and renamed in one short transaction; rows that come for it later are in the rest.
    It is archived then, if that is wanted, and dropped only when the archive is proven and recorded. What a
    run that died left is dropped by the next one.

    Args:
        connection: a partitioner's.
        managed: which table.
        now: the clock.
        archive: archives a month that was taken out, ordered by its key or else by a column, or raises.

    Returns:
        The partitions that were dropped.
    """
    for part in overdue(managed, list_months(connection, managed.table), now):
        in_transaction(connection, lambda part=part: _take_out(connection, managed, part.table))  # type: ignore[misc]
    dropped = _detached(connection, managed)
    for table in dropped:
        if managed.archive:
            leaving = Leaving(managed.table, managed.names.last_month(table), table)
            archive(connection, leaving, managed.column)
            drop_archived(connection, leaving)
        else:
            drop_detached(connection, table)
    return dropped


def _take_out(connection: Connection, managed: Managed, partition: TableName) -> None:
    Held(connection).acquire(managed.table, referenced_by(connection, managed.table))
    _detach(connection, managed.table, partition)
    run(
        connection,
        sql.SQL("ALTER TABLE {} RENAME TO {}").format(
            partition.identifier, sql.Identifier(managed.names.detached(partition).name)
        ),
    )


def _detached(connection: Connection, managed: Managed) -> list[TableName]:
    rows = query_file(
        connection,
        "partitioning/detached.sql",
        schema=managed.table.schema,
        name=managed.table.name,
    )
    return [TableName(managed.table.schema, row["name"]) for row in rows]


def shown(found: Kept, now: datetime | None = None) -> dict[str, Any]:
    """A table in partitions as a row for people and programs."""
    managed, months = found.managed, sorted(found.months)
    next_month = Month.of(now or datetime.now(UTC)) + 1
    return {
        "table": plain(managed.table),
        "column": managed.column,
        "state": _state(found),
        "bytes": found.bytes,
        "rows": sum(part.estimated_rows for part in found.partitions),
        "months": len(months),
        "first_month": str(months[0]) if months else None,
        "last_month": str(months[-1]) if months else None,
        "next_month": next_month in found.months or covers(found, next_month),
        "rows_in_rest": found.rows_in_rest,
        "keep": str(managed.keep) if managed.keep else None,
        "archive": managed.archive,
    }


def covers(found: Kept, month: Month) -> bool:
    """Whether a partition besides the rest takes a month."""
    return any(
        part.upper is not None
        and (part.lower is None or part.lower <= month.begin)
        and month.end <= part.upper
        for part in found.partitions
    )


def _state(found: Kept) -> str:
    if not found.managed.exists:
        return "gone"
    if not found.managed.partitioned:
        return BEING_CONVERTED
    return "partitioned"
