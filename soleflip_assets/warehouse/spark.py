"""Spark as the warehouse's engine, for what one machine cannot read.

It reads the same files as DuckDB, those that the newest commits name: its own reader of Iceberg is a jar that
no package brings. So every worker must reach the folder. Not here: how a cluster is run.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from soleflip_assets.warehouse.engine import (
    NOTHING,
    Engine,
    QueryError,
    Relation,
    relation_of,
    relations,
)
from soleflip_assets.warehouse.store import StoredTable, Warehouse


@contextmanager
def spark_engine(warehouse: Warehouse, master: str) -> Iterator[Engine]:
    """A session on a cluster, started for the block; that takes 20 s.

    Args:
        warehouse: whose tables can be read.
        master: ``spark://host:7077``.
    """
    session = (
        SparkSession.builder.master(master)
        .appName("soleflip warehouse")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.ansi.enabled", "true")
        .getOrCreate()
    )
    try:
        with warehouse.connected():
            for relation in relations(warehouse, warehouse.last_load):
                _register(session, relation)
        yield _Spark(session)
    finally:
        session.stop()


def _register(session: SparkSession, relation: Relation) -> None:
    schema = from_arrow_schema(relation.schema)
    if relation.rows is not None:
        found = session.createDataFrame(relation.rows.to_pylist(), schema)
    else:
        found = session.read.schema(schema).parquet(*relation.paths)
    found.createOrReplaceTempView(relation.name)


class _Spark:
    def __init__(self, session: SparkSession) -> None:
        self._session = session

    def query(self, sql: str, parameters: Mapping[str, object] = NOTHING) -> pa.Table:
        try:
            return self._session.sql(sql, dict(parameters) or None).toArrow()
        except PySparkException as error:
            raise QueryError(str(error)) from error

    def see(self, name: str, table: StoredTable) -> None:
        _register(self._session, relation_of(name, table, table.schema))
