"""The shop as a load reads it: in snapshots that nobody waits for, as batches of Arrow.

Here: which database it is, and rows out of it, with bounded memory. Not here: what becomes of them
(loading.py). Rows come by COPY, which psycopg streams over the same sessions as everything else; a driver of
its own for Arrow would save a third of the CPU and weigh 27 MB.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import pyarrow as pa
from psycopg import sql
from pyarrow import csv
from sqlalchemy import Connection, column, null, select
from sqlalchemy import cast as sql_cast
from sqlalchemy import table as sql_table
from sqlalchemy import types as sql_types
from sqlalchemy.engine import URL

from soleflip_assets.ground import deadlines
from soleflip_assets.ground.database import query_file, query_one
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.ground.sql_files import SqlFile, as_bound
from soleflip_assets.warehouse.arrow import schema_of
from soleflip_assets.warehouse.state import Source
from soleflip_assets.warehouse.store import WarehouseError
from soleflip_assets.warehouse.tables import (
    AMOUNT,
    FLAG,
    INTEGER,
    SIZE,
    TEXT,
    TIME,
    Log,
    ShopTable,
)

NOTHING_SEEN = "1:1:"
"""A snapshot that sees no transaction."""

ALWAYS = ("-infinity", "infinity")

# 200,000 events; with what parsing and writing them takes, 300 MB.
_BATCH_BYTES = 48 * 1024 * 1024
# No row is longer.
_BLOCK_BYTES = 16 * 1024 * 1024

# Of the application's tables.
_SQL_TYPES: Mapping[str, Any] = {
    TEXT: sql_types.Text(),
    INTEGER: sql_types.Integer(),
    FLAG: sql_types.Boolean(),
    TIME: sql_types.TIMESTAMP(timezone=True),
    AMOUNT: sql_types.Numeric(18, 2),
    SIZE: sql_types.Numeric(4, 1),
}


@dataclass(frozen=True)
class Found:
    """A table of the application's as it was found.

    Attributes:
        columns: those that can be read; none where there is no such table.
        version: what changes when its rows or columns do; None where nothing tells.
    """

    columns: Sequence[str]
    version: str | None


class Shop:
    """SoleFlip's database.

    Args:
        url: of it.
        tables: where the application has a table, by the warehouse's name for it, if not in the usual place.
    """

    def __init__(self, url: URL, tables: Mapping[str, str] | None = None) -> None:
        self._engine = create_database_engine(
            url,
            lock_timeout=deadlines.LOOK_LOCK.milliseconds,
            statement_timeout=deadlines.LOAD_STATEMENT.milliseconds,
        )
        self._tables = tables or {}
        self._kept: Connection | None = None

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Keep one connection for the length of the block, for what reads several snapshots."""
        with self._connection() as connection:
            self._kept = connection
            try:
                yield
            finally:
                self._kept = None

    @contextmanager
    def reading(self) -> Iterator["Reading"]:
        """One snapshot, for the length of the block. Short ones: it holds back vacuum."""
        with (
            nullcontext(self._kept) if self._kept else self._connection() as connection,
            connection.begin(),
        ):
            yield Reading(connection, self._tables)

    def _connection(self) -> Connection:
        return self._engine.connect().execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )


class Reading:
    """What one snapshot of the shop sees.

    Args:
        connection: in a transaction of its own.
        tables: as the shop has them.
    """

    def __init__(self, connection: Connection, tables: Mapping[str, str]) -> None:
        self._connection = connection
        self._tables = tables

    def of(self, log: Log) -> "LogReading":
        """A log in this snapshot.

        Raises:
            WarehouseError: there is no log here, or nothing that could be read exactly once.
        """
        found = query_one(self._connection, "warehouse/source.sql", log=f"inventory_ops.{log.name}")
        if found["is_standby"]:
            raise WarehouseError(
                "This server is a standby, whose snapshots do not tell which transactions are under way: "
                "point SOLEFLIP_DATABASE_URL at the primary."
            )
        if found["log_oid"] is None:
            raise WarehouseError(
                "The shop keeps no history yet, and the warehouse is loaded from it: run "
                "`soleflip history install`."
            )
        source = Source(**{each.name: found[each.name] for each in fields(Source)})
        return LogReading(self._connection, log, source, found["snapshot"], found["taken_at"])

    def find(self, table: ShopTable) -> Found:
        """A table of the application's. Its version is older than any snapshot that is taken after this."""
        schema, name = self._place(table)
        rows = query_file(self._connection, "warehouse/shop_columns.sql", schema=schema, name=name)
        if not rows:
            return Found((), "none")
        (row,) = rows
        columns = [wanted for wanted in table.columns if table.source_of(wanted) in row["columns"]]
        if not columns or row["counted"] is None:
            return Found(columns, "none" if not columns else None)
        return Found(columns, f"{schema}.{name}:{','.join(columns)}:{row['counted']}")

    def rows(self, table: ShopTable, found: Found) -> Iterator[pa.Table]:
        """The rows of a table of the application's, with NULL for each column that it does not have."""
        if not found.columns:
            return
        selected = [
            sql_cast(
                column(table.source_of(name)) if name in found.columns else null(),
                _SQL_TYPES[kind],
            ).label(name)
            for name, kind in table.columns.items()
        ]
        schema, name = self._place(table)
        statement = select(*selected).select_from(sql_table(name, schema=schema))
        compiled = statement.compile(
            dialect=self._connection.dialect, compile_kwargs={"literal_binds": True}
        )
        yield from _batches(self._connection, str(compiled), None, schema_of(table.columns))

    def file(self, path: str, schema: pa.Schema) -> Iterator[pa.Table]:
        """The rows of a file of sql/ that has no parameters.

        Args:
            path: relative to sql/.
            schema: its columns.
        """
        (statement,) = SqlFile(path).statements
        return _batches(self._connection, statement, None, schema)

    def _place(self, table: ShopTable) -> tuple[str, str]:
        schema, _, name = self._tables.get(table.name, table.source).partition(".")
        return schema, name


@dataclass(frozen=True)
class LogReading:
    """A log in one snapshot.

    Attributes:
        connection: in a transaction of its own.
        log: which one.
        source: which database and log it is.
        snapshot: what the transaction sees.
        taken_at: when the transaction began, by the shop's clock.
    """

    connection: Connection
    log: Log
    source: Source
    snapshot: str
    taken_at: datetime

    @property
    def months(self) -> list[str]:
        """The months that the shop still has, as ``YYYY-MM``, in order."""
        rows = query_file(self.connection, "warehouse/log_months.sql")
        return [row["month"] for row in rows if row["log"] == self.log.name]

    def sums(self, seen: str) -> dict[str, dict[str, Any]]:
        """Number and sums of the events of each month that a snapshot sees."""
        rows = query_file(self.connection, f"warehouse/sums_of_{self.log.name}.sql", seen=seen)
        return {row["month"]: {k: v for k, v in row.items() if k != "month"} for row in rows}

    def since(self, last: str) -> Iterator[pa.Table]:
        """The events that this snapshot sees and an earlier one did not."""
        return self._events(last, self.snapshot, ALWAYS)

    def month(self, month: str, seen: str) -> Iterator[pa.Table]:
        """The events of a month that an earlier snapshot sees."""
        return self._events(NOTHING_SEEN, seen, bounds(month))

    def _events(self, last: str, seen: str, bounds: tuple[str, str]) -> Iterator[pa.Table]:
        (statement,) = SqlFile(f"warehouse/{self.log.name}.sql").statements
        values = {"last": last, "seen": seen, "from": bounds[0], "until": bounds[1]}
        return _batches(self.connection, statement, values, schema_of(self.log.columns))


def bounds(month: str) -> tuple[str, str]:
    """From when until when a month is, in UTC."""
    year, number = map(int, month.split("-"))
    following = f"{year + number // 12}-{number % 12 + 1:02}"
    return f"{month}-01 00:00:00+00", f"{following}-01 00:00:00+00"


def _batches(
    connection: Connection, query: str, values: Mapping[str, str] | None, schema: pa.Schema
) -> Iterator[pa.Table]:
    """The rows of a query, a few hundred thousand at a time."""
    texts = [field.name for field in schema if field.type == pa.string()]
    # What is quoted is text, even where it says NaN; what is not may be NULL, NaN or infinity.
    copy_out = sql.SQL("COPY ({query}) TO STDOUT (FORMAT csv, FORCE_QUOTE ({texts}))").format(
        query=sql.SQL(as_bound(query.replace("%", "%%"), "%(", ")s") if values else query),
        texts=sql.SQL(", ").join(map(sql.Identifier, texts)),
    )
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(copy_out, values) as copy:
        lines: list[bytes] = []
        size = 0
        for line in copy:
            lines.append(bytes(line))
            size += len(line)
            if size >= _BATCH_BYTES:
                yield _parsed(lines, schema)
                lines, size = [], 0
        if lines:
            yield _parsed(lines, schema)


def _parsed(lines: Sequence[bytes], schema: pa.Schema) -> pa.Table:
    return csv.read_csv(
        pa.BufferReader(b"".join(lines)),
        csv.ReadOptions(column_names=schema.names, block_size=_BLOCK_BYTES),
        csv.ParseOptions(newlines_in_values=True),
        csv.ConvertOptions(
            column_types=schema,
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            # No file knows a number that is none, or a time without end.
            null_values=["", "NaN", "infinity", "-infinity"],
            true_values=["t"],
            false_values=["f"],
        ),
    )
