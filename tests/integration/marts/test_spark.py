"""Spark answers every mart as DuckDB does, row by row: a cluster of a master and two worker processes.

One session for the module: it takes half a minute to start.
"""

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from soleflip_assets.marts.building import build, compare, loaded_at
from soleflip_assets.marts.catalogue import MARTS, Mart, mart
from soleflip_assets.warehouse.engine import Engine, duckdb_engine
from soleflip_assets.warehouse.store import Warehouse
from tests.conftest import missing
from tests.e2e.processes import awaited, free_port

WORKERS = 2
PATIENCE_SECONDS = 300

# What JVMs print of themselves is no warning of ours; py4j leaves its sockets to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def _java_home() -> str:
    """Of Java 17, which Spark wants; where Debian has it."""
    found = [*Path("/usr/lib/jvm").glob("java-17-openjdk-*")]
    if found:
        return str(found[0])
    return os.environ.get("JAVA_HOME") or missing(
        "Java 17", "apt-get install openjdk-17-jre-headless"
    )


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a cluster's master, with two workers that are processes of their own."""
    if find_spec("pyspark") is None:
        # Not even where CI is set: 480 MB, and two minutes of both cores.
        pytest.skip("there is no pyspark: make spark")
    import pyspark  # noqa: PLC0415 480 MB that few have

    home = Path(pyspark.__file__).parent
    folder = tmp_path_factory.mktemp("spark")
    port, ui = free_port(), free_port()
    address = f"spark://127.0.0.1:{port}"
    # 200 tasks a shuffle, the default, are for more rows than these.
    (folder / "spark-defaults.conf").write_text(
        "spark.sql.shuffle.partitions 4\nspark.executor.memory 640m\n"
    )
    variables = {
        "JAVA_HOME": _java_home(),
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_CONF_DIR": str(folder),
    }
    deploy = "org.apache.spark.deploy"
    commands = [
        [f"{deploy}.master.Master", "--host", "127.0.0.1", "--port", str(port),
         "--webui-port", str(ui)],
        *[[f"{deploy}.worker.Worker", address, "--cores", "1", "--memory", "800m", "--host",
           "127.0.0.1", "--work-dir", str(folder / str(number)), "--webui-port", "0"]
          for number in range(WORKERS)],
    ]  # fmt: skip
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        for number, command in enumerate(commands):
            log = stack.enter_context((folder / f"{number}.log").open("wb"))
            process = subprocess.Popen(
                [home / "bin" / "spark-class", *command], stdout=log, stderr=log
            )
            stack.callback(process.wait, 30)
            stack.callback(process.terminate)
        awaited(lambda: _workers(ui) == WORKERS, PATIENCE_SECONDS)
        yield address


def _workers(port: int) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/", timeout=5) as answer:
            found: int = json.load(answer)["aliveworkers"]
            return found
    except OSError:
        return 0


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
