"""Spark answers every mart as DuckDB does, row by row: a cluster of a master and two worker processes.

One session for the module: it takes half a minute to start.
"""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pyarrow as pa
import pytest

from soleflip_assets.marts.building import build, compare, loaded_at
from soleflip_assets.marts.catalogue import MARTS, Mart, mart
from soleflip_assets.warehouse.engine import Engine, duckdb_engine
from soleflip_assets.warehouse.store import Warehouse
from tests.conftest import missing
from tests.integration.marts.cluster import java_home, running

# What JVMs print of themselves is no warning of ours; py4j leaves its sockets to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a cluster's master, with two workers that are processes of their own."""
    if find_spec("pyspark") is None:
        # Not even where CI is set: 480 MB, and two minutes of both cores.
        pytest.skip("there is no pyspark: make spark")
    if java_home() is None:
        missing("Java 17", "apt-get install openjdk-17-jre-headless")
    with running(tmp_path_factory.mktemp("spark"), executor_mb=640) as address:
        yield address


@pytest.fixture(scope="module")
def by_duckdb(warehouse: Warehouse) -> dict[str, pa.Table]:
    with duckdb_engine(warehouse) as engine:
        as_of = loaded_at(engine)
        assert as_of
        return {mart.name: rows for mart, rows in build(warehouse, engine, MARTS, as_of)}


@pytest.fixture(scope="module")
def spark(master: str, warehouse: Warehouse, by_duckdb: dict[str, pa.Table]) -> Iterator[Engine]:
    from soleflip_assets.warehouse.spark import spark_engine  # noqa: PLC0415 wants pyspark

    with spark_engine(warehouse, master) as engine:
        yield engine


@pytest.mark.parametrize("mart", MARTS, ids=lambda mart: mart.name)
def test_spark_answers_as_duckdb_does(
    mart: Mart, spark: Engine, by_duckdb: dict[str, pa.Table]
) -> None:
    found = spark.query(mart.select)
    expected = by_duckdb[mart.name]
    assert found.schema.names == expected.schema.names
    assert _rows(found) == _rows(expected)


def test_mart_that_spark_computes_is_stored_and_adds_up(
    spark: Engine, warehouse: Warehouse, by_duckdb: dict[str, pa.Table]
) -> None:
    as_of = loaded_at(spark)
    assert as_of
    marts = [mart("platforms"), mart("stock_item")]
    for mart_, _ in [*build(warehouse, spark, marts, as_of)]:
        assert _rows(warehouse.read(mart_.table)) == _rows(by_duckdb[mart_.name])
        assert all(found.equal for found in compare(spark, mart_))


def _rows(table: pa.Table) -> list[tuple[Any, ...]]:
    """Sorted; halves of floating point that only the order of adding tells apart are the same."""
    rows = [tuple(map(_value, row.values())) for row in table.to_pylist()]
    return sorted(rows, key=repr)


def _value(value: Any) -> Any:
    return float(f"{value:.9g}") if isinstance(value, float) else value
