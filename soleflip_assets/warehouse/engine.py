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
from soleflip_assets.warehouse.store import RAW, LastLoad, StoredTable, Warehouse
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

    def see(self, name: str, table: StoredTable) -> None:
        """See a table as it was written just now, whatever somebody else writes to it.

        Args:
            name: bare.
            table: as whoever wrote it has it.
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
    """The engine that the environment names, on all tables as the last load left them.

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
    warehouse: Warehouse,
    beside: Mapping[str, pa.Table] = NO_TABLES,
    last: LastLoad | None = None,
) -> Iterator[Engine]:
    """DuckDB, in this process.

    Args:
        warehouse: whose tables can be read.
        beside: what else can be read, by name.
        last: the load that left the tables as they are read; the last one if not said.
    """
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        # Else a name that is no table is looked for among the variables of this process.
        connection.execute("SET python_enable_replacements = false")
        with warehouse.connected():
            for relation in relations(warehouse, last or warehouse.last_load):
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

    def see(self, name: str, table: StoredTable) -> None:
        _register(self._connection, self._warehouse, relation_of(name, table, table.schema))


def relations(warehouse: Warehouse, last: LastLoad | None) -> Iterator[Relation]:
    """All that can be read by name: what was loaded, its state, the marts; empty where nothing is loaded.

    Args:
        warehouse: that holds it.
        last: the load that left the tables as they are read; None for as they are now.
    """
    stored = {name: warehouse.find(name, last) for name in warehouse.tables}
    events = stored.get(f"{RAW}.{STOCK_EVENT.name}")
    loaded: Sequence[Log | ShopTable] = (*LOGS, *SHOP_TABLES)
    for table in loaded:
        yield relation_of(
            table.name, stored.pop(f"{RAW}.{table.name}", None), schema_of(table.columns)
        )
    for name, found in stored.items():
        if found is not None and not name.startswith(f"{RAW}."):
            yield relation_of(name.partition(".")[2], found, found.schema)
    yield _load_state(events, last)


def relation_of(name: str, table: StoredTable | None, schema: pa.Schema) -> Relation:
    """A stored table as an engine is given it.

    Args:
        name: bare.
        table: None where there is none, which is empty.
        schema: its columns.
    """
    paths = [file.path for file in table.files] if table else []
    return Relation(name, schema, paths, None if paths else schema.empty_table())


def _load_state(table: StoredTable | None, last: LastLoad | None) -> Relation:
    state = LogState.of(table.properties) if table else None
    row: dict[str, Any] = dict.fromkeys(LOAD_STATE)
    if table and state:
        row = {
            "loaded_at": last.at if last else state.loaded_at,
            "log_began_at": table.earliest(EVENT_TIME),
            "database": state.source.database,
            "system_identifier": state.source.system_identifier,
        }
    schema = schema_of(LOAD_STATE)
    return Relation("load_state", schema, rows=pa.Table.from_pylist([row], schema))


def _register(
    connection: duckdb.DuckDBPyConnection, warehouse: Warehouse, relation: Relation
) -> None:
    # What is registered is a temporary view, which hides any other of its name: a table that was empty would
    # stay so for this session.
    connection.unregister(relation.name)
    if relation.rows is not None:
        connection.register(relation.name, relation.rows)
        return
    if any("://" in path for path in relation.paths):
        # DuckDB's own way to object stores is an extension, which it would fetch from the network.
        connection.register(relation.name, warehouse.dataset(relation.paths, relation.schema))
        return
    connection.read_parquet(list(relation.paths)).create_view(relation.name, replace=True)
