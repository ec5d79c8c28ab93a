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
from sqlalchemy import Connection
from sqlalchemy.engine import URL

from soleflip_assets.ground import deadlines
from soleflip_assets.ground.database import query_file, query_one
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.ground.sql_files import SqlFile, as_bound
from soleflip_assets.warehouse.arrow import schema_of
from soleflip_assets.warehouse.state import Source
from soleflip_assets.warehouse.store import WarehouseError
from soleflip_assets.warehouse.tables import (
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

# A number, of whatever type it is in a table of the application's. In what is none, no number is known.
_NUMBER = r"^\s*[-+]?[0-9]{1,30}([.][0-9]+)?\s*$"
_YES, _NO = ["true", "t", "yes", "1"], ["false", "f", "no", "0"]

# The times that Parquet's readers know.
_FIRST_TIME, _END_OF_TIME = "0001-01-01 00:00:00+00", "10000-01-01 00:00:00+00"


@dataclass(frozen=True)
class Found:
    """A table of the application's as it was found.

    Attributes:
        columns: those that can be read; none where there is no such table.
        no_times: those that should be times and are of another type, which are not read.
        version: what changes when its rows or columns do; None where nothing tells.
    """

    columns: Sequence[str]
    version: str | None
    no_times: Sequence[str] = ()


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
        there = [wanted for wanted in table.columns if table.source_of(wanted) in row["columns"]]
        no_times = [
            wanted
            for wanted in there
            if table.columns[wanted] == TIME and table.source_of(wanted) not in row["times"]
        ]
        columns = [wanted for wanted in there if wanted not in no_times]
        if not columns or row["counted"] is None:
            return Found(columns, "none" if not columns else None, no_times)
        return Found(columns, f"{schema}.{name}:{','.join(columns)}:{row['counted']}", no_times)

    def rows(self, table: ShopTable, found: Found) -> Iterator[pa.Table]:
        """The rows of a table of the application's, with NULL for each column that it does not have."""
        if not found.columns:
            return
        schema = schema_of(table.columns)
        selected = [
            _read_as(field, table.source_of(field.name) if field.name in found.columns else None)
            for field in schema
        ]
        statement = sql.SQL("SELECT {} FROM {}").format(
            sql.SQL(", ").join(selected), sql.Identifier(*self._place(table))
        )
        yield from _batches(self._connection, statement, None, schema)

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
        query = sql.SQL(as_bound(statement.replace("%", "%%"), "%(", ")s"))
        return _batches(self.connection, query, values, schema_of(self.log.columns))


def bounds(month: str) -> tuple[str, str]:
    """From when until when a month is, in UTC."""
    year, number = map(int, month.split("-"))
    following = f"{year + number // 12}-{number % 12 + 1:02}"
    return f"{month}-01 00:00:00+00", f"{following}-01 00:00:00+00"


def _read_as(field: pa.Field, source: str | None) -> sql.Composed:
    """A column of the application's, which may be of any type, as one of the warehouse's; None for none.

    A number that is out of the warehouse's reach is unknown, as is what is no number.
    """
    kind, known = field.type, sql.Identifier(source) if source else sql.SQL("NULL")
    text: sql.Composable = sql.SQL("CAST({} AS text)").format(known)
    value = text
    if pa.types.is_timestamp(kind):
        value = sql.SQL("CAST({} AS timestamptz)").format(known)
    elif pa.types.is_boolean(kind):
        value = sql.SQL(
            "CASE WHEN lower({0}) = ANY ({1}) THEN true WHEN lower({0}) = ANY ({2}) THEN false END"
        ).format(text, _YES, _NO)
    elif not pa.types.is_string(kind):
        digits, scale = (9, 0) if pa.types.is_int32(kind) else (kind.precision, kind.scale)
        value = sql.SQL(
            "(SELECT found.number FROM (SELECT round(CAST(CASE WHEN {0} ~ {1} THEN {0} END AS numeric), {2}) "
            "AS number) AS found WHERE abs(found.number) < {3})"
        ).format(text, _NUMBER, scale, 10 ** (digits - scale))
    return sql.SQL("{} AS {}").format(value, sql.Identifier(field.name))


def _kept(field: pa.Field) -> sql.Composable:
    """A column in what a file can keep: a time that is out of its reach is unknown."""
    name = sql.Identifier(field.name)
    if not pa.types.is_timestamp(field.type):
        return name
    return sql.SQL(
        "CASE WHEN {0} >= {1} AND {0} < {2} THEN CAST({0} AS timestamptz) END AS {0}"
    ).format(name, _FIRST_TIME, _END_OF_TIME)


def _batches(
    connection: Connection,
    query: sql.Composable,
    values: Mapping[str, str] | None,
    schema: pa.Schema,
) -> Iterator[pa.Table]:
    """The rows of a query, a few hundred thousand at a time."""
    texts = [field.name for field in schema if field.type == pa.string()]
    # What is quoted is text, even where it says NaN; what is not may be NULL or NaN.
    copy_out = sql.SQL(
        "COPY (SELECT {columns} FROM ({query}) AS found) TO STDOUT (FORMAT csv, FORCE_QUOTE ({texts}))"
    ).format(
        columns=sql.SQL(", ").join(map(_kept, schema)),
        query=query,
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
            # No file knows a number that is none.
            null_values=["", "NaN"],
            true_values=["t"],
            false_values=["f"],
        ),
    )
