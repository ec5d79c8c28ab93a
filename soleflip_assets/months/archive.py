"""What is kept of a month that leaves its table: a Parquet file, read back and compared with the rows.

A digest is made of the rows as PostgreSQL gives them and of those that the file gives back, each value in one
spelling; only where both are equal, and as many, is the file an archive. Here: writing, reading back,
digests. Not here: which month leaves, and when its rows go.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from psycopg import sql
from sqlalchemy import Connection

from soleflip_assets.ground.database import query_file
from soleflip_assets.ground.errors import ConfigurationError
from soleflip_assets.ground.private_files import private_file, private_folder
from soleflip_assets.months.partitions import TableName

# Some 10 MB of events at once.
_BATCH = 20_000

# Kept as they are; whatever else a column may be is kept as text.
_PLAIN = {
    "bigint": "int64",
    "integer": "int32",
    "smallint": "int16",
    "boolean": "bool_",
    "double precision": "float64",
    "date": "date32",
    "text": "string",
    "character varying": "string",
}
_AS_TEXT = {"type": "any", "precision": None}
_TIMES = {"timestamp with time zone": "UTC", "timestamp without time zone": None}
_LARGEST_PRECISION = 38


class ArchiveError(Exception):
    """A file does not hold what it should; the message says what, and nothing was dropped."""


@dataclass(frozen=True)
class Digest:
    """What rows are, in short.

    Attributes:
        rows: their number.
        sha256: of all values, in the order of their key.
    """

    rows: int
    sha256: str


@dataclass(frozen=True)
class Archive:
    """A file that was read back and is equal to the rows.

    Attributes:
        path: where it is.
        bytes: its size.
        digest: of what it holds.
    """

    path: Path
    bytes: int
    digest: Digest


def require_parquet() -> None:
    """Make sure that Parquet can be written.

    Raises:
        ConfigurationError: the extra that brings it is not installed.
    """
    _pyarrow()


def archive_table(
    connection: Connection, table: TableName, key: Sequence[str], path: Path
) -> Archive:
    """Write all rows of a table to a file, read it back and compare it with them.

    Args:
        connection: the database, in which the rows are read in one transaction.
        table: whose rows.
        key: columns that order them, no two alike.
        path: the file, which is put in its place whole; one that is there is replaced.

    Raises:
        ArchiveError: what the file gives back is not what was read.
        ConfigurationError: Parquet cannot be written for want of its extra, or the file cannot be.
    """
    private_folder(path.parent)
    unfinished = path.with_name(f"{path.name}.unfinished")
    written = _write(connection, table, key, unfinished)
    found = digest_of_file(unfinished)
    if found != written:
        raise ArchiveError(
            f"{unfinished} gives back {found.rows:,} rows with another digest than the {written.rows:,} rows "
            f"of {table} that were written: the disk or Parquet is at fault. Nothing was dropped."
        )
    unfinished.replace(path)
    _flush(path.parent)
    return Archive(path, path.stat().st_size, written)


def digest_of_table(connection: Connection, table: TableName, key: Sequence[str]) -> Digest:
    """The digest of the rows that a table holds now."""
    digest = _Digesting()
    columns = _columns(connection, table)
    for rows in _batches(connection, table, columns, key):
        digest.add(rows)
    return digest.result


def digest_of_file(path: Path) -> Digest:
    """The digest of the rows that a file gives back.

    Raises:
        ArchiveError: it is not there, or no whole Parquet file.
    """
    digest = _Digesting()
    arrow = _pyarrow()
    parquet = import_module("pyarrow.parquet")
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_BATCH):
                digest.add(zip(*(column.to_pylist() for column in batch.columns), strict=True))
    except (OSError, arrow.ArrowException) as error:
        raise ArchiveError(f"{path} cannot be read back ({error}). Nothing was dropped.") from error
    return digest.result


class _Digesting:
    """The digest of rows that come in batches."""

    def __init__(self) -> None:
        self._rows = 0
        self._hash = hashlib.sha256()

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        for row in rows:
            self._rows += 1
            self._hash.update(repr([_spelled(value) for value in row]).encode())

    @property
    def result(self) -> Digest:
        return Digest(self._rows, self._hash.hexdigest())


def _spelled(value: Any) -> Any:
    """A value in the one spelling that the driver's and Parquet's have in common."""
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return (
        value if value is None or isinstance(value, (bool, int, float, str, list)) else str(value)
    )


def _write(connection: Connection, table: TableName, key: Sequence[str], path: Path) -> Digest:
    arrow = _pyarrow()
    parquet = import_module("pyarrow.parquet")
    columns = _columns(connection, table)
    schema = arrow.schema([(column["name"], _arrow_type(arrow, column)) for column in columns])
    digest = _Digesting()
    path.unlink(missing_ok=True)
    with os.fdopen(private_file(path), "wb") as file:
        with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
            for rows in _batches(connection, table, columns, key):
                digest.add(rows)
                values = zip(*rows, strict=True)
                arrays = [
                    arrow.array(column, kind.type)
                    for column, kind in zip(values, schema, strict=True)
                ]
                writer.write_batch(arrow.record_batch(arrays, schema=schema))
        file.flush()
        os.fsync(file.fileno())
    return digest.result


def _batches(
    connection: Connection,
    table: TableName,
    columns: Sequence[Mapping[str, Any]],
    key: Sequence[str],
) -> Iterator[Sequence[tuple[Any, ...]]]:
    """The rows in order of their key, in one statement and so in one snapshot."""
    selected = sql.SQL(", ").join(_selected(column) for column in columns)
    statement = sql.SQL("SELECT {} FROM {} ORDER BY {}").format(
        selected, table.identifier, sql.SQL(", ").join(map(sql.Identifier, key))
    )
    # A cursor of the server's needs a transaction, and the connection's may end with each statement.
    with connection.engine.connect() as reading:
        driver: Any = reading.connection.driver_connection
        with driver.cursor(name="archive") as cursor:
            cursor.itersize = _BATCH
            cursor.execute(statement)
            while rows := cursor.fetchmany(_BATCH):
                yield rows


def _selected(column: Mapping[str, Any]) -> sql.Composable:
    name = sql.Identifier(column["name"])
    is_kept = (
        column["type"] in {*_PLAIN, *_TIMES, "text[]"}
        or (column["precision"] or _LARGEST_PRECISION + 1) <= _LARGEST_PRECISION
    )
    return name if is_kept else sql.SQL("CAST({} AS text)").format(name)


def _arrow_type(arrow: Any, column: Mapping[str, Any]) -> Any:
    type_ = column["type"]
    if type_ in _PLAIN:
        return getattr(arrow, _PLAIN[type_])()
    if type_ in _TIMES:
        return arrow.timestamp("us", _TIMES[type_])
    if type_ == "text[]":
        return arrow.list_(arrow.string())
    if (column["precision"] or _LARGEST_PRECISION + 1) <= _LARGEST_PRECISION:
        return arrow.decimal128(column["precision"], column["scale"])
    return arrow.string()


def _columns(connection: Connection, table: TableName) -> list[Mapping[str, Any]]:
    """The columns; one with a value that a file cannot keep, such as infinity, is text as a whole."""
    columns = query_file(connection, "months/columns.sql", table=str(table))
    conditions = sql.SQL(", ").join(sql.SQL(column["beyond"]) for column in columns)
    look = sql.SQL("SELECT {} FROM {}").format(conditions, table.identifier).as_string()
    beyond = connection.exec_driver_sql(look, execution_options={"no_parameters": True}).one()
    return [
        {**column, **(_AS_TEXT if is_beyond else {})}
        for column, is_beyond in zip(columns, beyond, strict=True)
    ]


def _flush(folder: Path) -> None:
    """Have the new name of a file on the disk, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _pyarrow() -> Any:
    """Parquet is not for everybody: 170 MB that only an archive and the warehouse need."""
    try:
        return import_module("pyarrow")
    except ImportError:
        raise ConfigurationError(
            "An archive is a Parquet file, and pyarrow is not installed: install soleflip-assets[warehouse]."
        ) from None
