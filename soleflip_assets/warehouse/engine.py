"""Who computes on the warehouse: DuckDB in this process, or a Spark cluster where one machine is too small.

Both read the files that the tables' newest commits name, and give them the bare names of the tables: a query
is the same for both. Here: which engine, and DuckDB. Not here: Spark (spark.py), or any query.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any, Protocol

import duckdb
import pyarrow as pa

from soleflip_assets.ground.errors import ConfigurationError
from soleflip_assets.ground.settings import Settings
from soleflip_assets.ground.sql_files import as_bound
from soleflip_assets.warehouse.arrow import schema_of
from soleflip_assets.warehouse.state import LogState
from soleflip_assets.warehouse.store import RAW, StoredTable, Warehouse
from soleflip_assets.warehouse.tables import (
    EVENT_TIME,
    LOAD_STATE,
    LOGS,
    SHOP_TABLES,
    STOCK_EVENT,
    Log,
    ShopTable,
)

NOTHING: Mapping[str, object] = MappingProxyType({})
NO_TABLES: Mapping[str, pa.Table] = MappingProxyType({})


class QueryError(Exception):
    """The engine cannot answer a query; in its own words."""


class Engine(Protocol):
    """A session in which each table of the warehouse can be read by its bare name."""

    def query(self, sql: str, parameters: Mapping[str, object] = NOTHING) -> pa.Table:
        """The rows of one SELECT.

        Args:
            sql: in what both engines read.
            parameters: the values of its ``:names``.

        Raises:
            QueryError: the engine cannot answer it.
        """
        ...

    def see(self, name: str) -> None:
        """See a table as it is now, after it was written.

        Args:
            name: ``marts.value_by_day``, in the warehouse.
        """
        ...


@dataclass(frozen=True)
class Relation:
    """A table as an engine is given it.

    Attributes:
        name: bare.
        schema: its columns.
        paths: the files with its rows.
        rows: its rows, where they are in no file.
    """

    name: str
    schema: pa.Schema
    paths: Sequence[str] = ()
    rows: pa.Table | None = None


@contextmanager
def open_engine(warehouse: Warehouse) -> Iterator[Engine]:
    """The engine that the environment names, on all tables as they are now.

    Raises:
        ConfigurationError: it is not installed.
    """
    engine = Settings.from_environment().warehouse_engine
    if engine == "duckdb":
        with duckdb_engine(warehouse) as opened:
            yield opened
        return
    if find_spec("pyspark") is None:
        raise ConfigurationError(
            f"SOLEFLIP_WAREHOUSE_ENGINE is {engine}, and Spark is not installed here: `make spark` or "
            "pip install 'soleflip-assets[platform,warehouse,spark]' brings it."
        )
    from soleflip_assets.warehouse.spark import spark_engine  # noqa: PLC0415 480 MB that few have

    with spark_engine(warehouse, engine) as opened:
        yield opened


@contextmanager
def duckdb_engine(
    warehouse: Warehouse, beside: Mapping[str, pa.Table] = NO_TABLES
) -> Iterator[Engine]:
    """DuckDB, in this process.

    Args:
        warehouse: whose tables can be read.
        beside: what else can be read, by name.
    """
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        # Else a name that is no table is looked for among the variables of this process.
        connection.execute("SET python_enable_replacements = false")
        for relation in relations(warehouse):
            _register(connection, warehouse, relation)
        for name, rows in beside.items():
            connection.register(name, rows)
        yield _DuckDb(connection, warehouse)


class _DuckDb:
    def __init__(self, connection: duckdb.DuckDBPyConnection, warehouse: Warehouse) -> None:
        self._connection = connection
        self._warehouse = warehouse

    def query(self, sql: str, parameters: Mapping[str, object] = NOTHING) -> pa.Table:
        try:
            found = self._connection.sql(as_bound(sql, "$"), params=dict(parameters) or None)
            # None for what is no query, as SET.
            return found.to_arrow_table() if found is not None else pa.table({})
        except duckdb.Error as error:
            raise QueryError(str(error)) from error

    def see(self, name: str) -> None:
        _register(self._connection, self._warehouse, written(self._warehouse, name))


def relations(warehouse: Warehouse) -> Iterator[Relation]:
    """All that can be read by name: what was loaded, its state, the marts; empty where nothing is loaded."""
    stored = {name: warehouse.find(name) for name in warehouse.tables}
    loaded: Sequence[Log | ShopTable] = (*LOGS, *SHOP_TABLES)
    for table in loaded:
        yield _relation(
            table.name, stored.pop(f"{RAW}.{table.name}", None), schema_of(table.columns)
        )
    for name, found in stored.items():
        if found is not None and not name.startswith(f"{RAW}."):
            yield _relation(name.partition(".")[2], found, found.schema)
    yield _load_state(warehouse.find(f"{RAW}.{STOCK_EVENT.name}"))


def written(warehouse: Warehouse, name: str) -> Relation:
    """A table as it is now, by its name in the warehouse.

    Raises:
        LookupError: there is none, a mistake in this project.
    """
    table = warehouse.find(name)
    if table is None:
        raise LookupError(name)
    return _relation(name.partition(".")[2], table, table.schema)


def _relation(name: str, table: StoredTable | None, schema: pa.Schema) -> Relation:
    paths = [file.path for file in table.files] if table else []
    return Relation(name, schema, paths, None if paths else schema.empty_table())


def _load_state(table: StoredTable | None) -> Relation:
    state = LogState.of(table.properties) if table else None
    row: dict[str, Any] = dict.fromkeys(LOAD_STATE)
    if table and state:
        row = {
            "loaded_at": state.loaded_at,
            "log_began_at": table.earliest(EVENT_TIME),
            "database": state.source.database,
            "system_identifier": state.source.system_identifier,
        }
    schema = schema_of(LOAD_STATE)
    return Relation("load_state", schema, rows=pa.Table.from_pylist([row], schema))


def _register(
    connection: duckdb.DuckDBPyConnection, warehouse: Warehouse, relation: Relation
) -> None:
    if relation.rows is not None:
        connection.register(relation.name, relation.rows)
        return
    if any("://" in path for path in relation.paths):
        # DuckDB's own way to object stores is an extension, which it would fetch from the network.
        connection.register(relation.name, warehouse.dataset(relation.paths, relation.schema))
        return
    connection.read_parquet(list(relation.paths)).create_view(relation.name, replace=True)
