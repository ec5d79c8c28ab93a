"""The marts: each in DuckDB on the warehouse's files, against the same question asked of PostgreSQL.

PostgreSQL reads the very files of sql/marts, over views of the shop's own tables, where ids stay uuid. What
is made of other marts asks for those, too: nobody keeps them there. Its indexes are those that the log has.
Where Spark is (`make spark`, Java 17), a cluster of two workers with one core each answers them, too, once,
and each answer has as many rows as DuckDB's, and the same sum of each column of numbers. Not here: whether
they are equal row by row (tests/integration/marts/test_spark.py).
"""

import statistics
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from benchmarks.harness import change, table
from benchmarks.results import Section
from benchmarks.shop import Shop, Stage, vacuumed
from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.ground.database import run_file
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.history.install import install
from soleflip_assets.marts.building import computed, loaded_at, stored
from soleflip_assets.marts.catalogue import MARTS, Mart
from soleflip_assets.marts.making import Making
from soleflip_assets.metrics.mode import Mode
from soleflip_assets.sample.sample import NAMES
from soleflip_assets.warehouse.engine import duckdb_engine
from soleflip_assets.warehouse.loading import load
from soleflip_assets.warehouse.shop import Shop as Source
from soleflip_assets.warehouse.store import Warehouse
from soleflip_assets.warehouse.tables import LOGS, SHOP_TABLES
from tests.integration.marts.cluster import can_run, running

# With the baseline: five events a stock row.
WRITES = 4
CHANGES = 1_000
ROUNDS = 3

# Of a worker of Spark, for its rows. The widest mart of a million rows fits.
_EXECUTOR_MB = 2_000
# PostgreSQL expands what is made of other marts, and then now and then loops over all rows for each of them:
# what takes longer counts as that.
_PATIENCE_SECONDS = 60
_FUNNEL = "reservation_funnel"
# Of the warehouse's words, those that PostgreSQL lacks.
_WORDS = """
CREATE SCHEMA asked;
CREATE DOMAIN asked.double AS double precision;
CREATE FUNCTION asked.regexp_extract(text, text, integer) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN coalesce((regexp_match($1, $2))[$3], '');
CREATE VIEW asked.load_state AS
SELECT
  now() AS loaded_at,
  now() AS log_began_at,
  current_database()::text AS database,
  '1'::text AS system_identifier;
"""
_TRADE = """
INSERT INTO platform.marketplace VALUES (md5('stockx')::uuid, 'StockX', 'stockx', 9.5);
INSERT INTO sales."order" (
  id, inventory_item_id, platform_id, status, sold_at, gross_sale, net_proceeds, platform_fee,
  payout_received, payout_date
)
SELECT
  gen_random_uuid(), id, md5('stockx')::uuid, 'completed', now() - random() * interval '700 days',
  gross_purchase_price * 1.3, gross_purchase_price * 1.2, gross_purchase_price * 0.1, true, now()
FROM inventory.stock
WHERE random() < 0.4;
DELETE FROM inventory.stock_reservation;
INSERT INTO inventory.stock_reservation (stock_id, reserved_quantity, status, created_at)
SELECT id, 1, 'pending', now() - random() * interval '700 days' FROM inventory.stock;
UPDATE inventory.stock_reservation SET status = 'active', updated_at = now();
UPDATE inventory.stock_reservation
SET updated_at = now(), status = CASE WHEN random() < 0.6 THEN 'fulfilled' ELSE 'released' END;
"""


def run(stage: Stage) -> Section:
    """Measure, on a copy of the shop that trades and whose history is kept."""
    shop = stage.copy(stage.deployed(Mode.MATERIALIZED), "with_trade")
    with Deployer(create_database_engine(shop.url), log=stage.tell) as deployer:
        install(deployer)
    _trade(stage, shop)
    vacuumed(shop)
    stage.server.create_database("marts_catalog")
    warehouse = Warehouse(str(stage.folder / "marts"), stage.server.url("marts_catalog"))
    _load(warehouse, shop)
    by_duckdb = _by_duckdb(stage, warehouse)
    by_spark = _by_spark(stage, warehouse) if can_run() else {}
    with create_database_engine(shop.url).begin() as connection:
        by_postgres = _by_postgres(stage, connection)
    with shop.connect() as connection:
        change(connection, shop, CHANGES)
    _load(warehouse, shop)
    whole = _all_and_the_page(warehouse, stage.folder)
    stage.drop(shop)
    return _section(shop.rows, by_duckdb, by_postgres, by_spark, whole)


def _trade(stage: Stage, shop: Shop) -> None:
    with create_database_engine(shop.url).begin() as connection:
        run_file(connection, NAMES)
    with shop.connect() as connection:
        for statement in filter(str.strip, _TRADE.split(";\n")):
            connection.execute(statement)
        for number in range(WRITES):
            stage.tell(f"writing to every stock row: {number + 1} of {WRITES}")
            connection.execute(
                "UPDATE inventory.stock SET quantity = quantity + 1, updated_at = now()"
            )


def _load(warehouse: Warehouse, shop: Shop) -> None:
    for _ in load(warehouse, Source(shop.url), lambda _: None):
        pass


def _by_duckdb(stage: Stage, warehouse: Warehouse) -> dict[str, float]:
    found = {}
    with duckdb_engine(warehouse) as engine:
        as_of = loaded_at(engine)
        assert as_of
        for mart in MARTS:
            stage.tell(f"{mart.name} by DuckDB")
            rounds = []
            for _ in range(ROUNDS):
                begun = time.perf_counter()
                engine.query(mart.select)
                rounds.append(time.perf_counter() - begun)
            found[mart.name] = statistics.median(rounds)
            engine.see(mart.name, stored(warehouse, mart, computed(engine, mart), as_of))
    return found


def _by_spark(stage: Stage, warehouse: Warehouse) -> dict[str, float]:
    """Of marts that read others, over those that DuckDB made; after one question that starts the workers."""
    from soleflip_assets.warehouse.spark import spark_engine  # noqa: PLC0415 wants pyspark

    folder = stage.folder / "spark"
    folder.mkdir()
    found = {}
    with running(folder, _EXECUTOR_MB) as master, spark_engine(warehouse, master) as engine:
        assert loaded_at(engine)
        for mart in MARTS:
            stage.tell(f"{mart.name} by Spark")
            begun = time.perf_counter()
            answer = engine.query(mart.select)
            found[mart.name] = time.perf_counter() - begun
            assert _sums(answer) == pytest.approx(_sums(warehouse.read(mart.table))), mart.name
    return found


def _sums(rows: pa.Table) -> dict[str, float]:
    """How many rows, and the sum of each column of numbers; those that nobody knows count as zero."""
    numbers = [field.name for field in rows.schema if _is_number(field.type)]
    sums = {name: float(pc.sum(rows[name]).as_py() or 0) for name in numbers}
    return {"rows": rows.num_rows, **sums}


def _is_number(kind: pa.DataType) -> bool:
    return any(
        is_one(kind) for is_one in (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
    )


def _by_postgres(stage: Stage, connection: Connection) -> dict[str, float]:
    """In one transaction, whose settings are the server's own but for the time zone."""
    for statement in (_WORDS, *_views(), "SET LOCAL search_path = asked, pg_catalog",
                      "SET LOCAL TimeZone = 'UTC'",
                      f"SET LOCAL statement_timeout = '{_PATIENCE_SECONDS}s'"):  # fmt: skip
        connection.exec_driver_sql(statement)
    found = {}
    for mart in MARTS:
        stage.tell(f"{mart.name} by PostgreSQL")
        found[mart.name] = _asked(connection, mart)
    return found


def _asked(connection: Connection, mart: Mart) -> float:
    """Seconds; as long as the patience where the answer takes longer."""
    begun = time.perf_counter()
    with suppress(OperationalError), connection.begin_nested():
        connection.exec_driver_sql(f"CREATE UNLOGGED TABLE asked.answer AS {_escaped(mart)}")
    seconds = time.perf_counter() - begun
    connection.exec_driver_sql("DROP TABLE IF EXISTS asked.answer")
    connection.exec_driver_sql(f"CREATE VIEW asked.{mart.name} AS {_escaped(mart)}")
    return seconds


def _escaped(mart: Mart) -> str:
    """A percent sign is a parameter's to the driver."""
    return mart.select.replace("%", "%%")


def _views() -> Iterator[str]:
    for log in LOGS:
        columns = ", ".join(_column(name) for name in log.columns)
        both = " UNION ALL ".join(
            f"SELECT {columns} FROM inventory_ops.{log.name}{part}" for part in ("", "_overflow")
        )
        yield f"CREATE VIEW asked.{log.name} AS {both}"
    for known in SHOP_TABLES:
        schema, name = known.source.split(".")
        columns = ", ".join(f'"{known.source_of(column)}" AS {column}' for column in known.columns)
        yield f'CREATE VIEW asked.{known.name} AS SELECT {columns} FROM {schema}."{name}"'


def _column(name: str) -> str:
    if name == "changed":
        return "array_to_string(changed, ',') AS changed"
    return f"{name}::text AS {name}" if name == "listed_on_platforms" else name


def _all_and_the_page(warehouse: Warehouse, folder: Path) -> float:
    begun = time.perf_counter()
    making = Making(warehouse, lambda _: None)
    made = list(making.make(MARTS))
    (folder / "dashboard.html").write_text(making.page(), encoding="utf-8")
    seconds = time.perf_counter() - begun
    assert all(one.repeated == 0 and all(each.equal for each in one.compared) for one in made)
    return seconds


def _section(
    rows: int,
    by_duckdb: dict[str, float],
    by_postgres: dict[str, float],
    by_spark: dict[str, float],
    whole: float,
) -> Section:
    times = {name: by_postgres[name] / by_duckdb[name] for name in by_duckdb}
    others = {name: found for name, found in times.items() if name != _FUNNEL}
    slowest = min(others, key=others.__getitem__)
    values = {
        "marts_times": others[slowest],
        "marts_funnel_times": times[_FUNNEL],
        "marts_and_dashboard_seconds": whole,
    }
    lines = [
        [name, _seconds(by_postgres[name]), f"{by_duckdb[name]:.3f}", f"{times[name]:.1f}",
         f"{by_spark[name]:.2f}" if by_spark else ""]
        for name in sorted(times, key=times.__getitem__)
    ]  # fmt: skip
    told = (
        f"{rows:,} stock rows with {WRITES + 1} events each; DuckDB: median of {ROUNDS}. It is at least "
        f"**{others[slowest]:.1f} times** as fast ({slowest}), the funnel {times[_FUNNEL]:.1f}. "
        f"All marts, their checks and the page, after {CHANGES:,} changes: **{whole:.1f} s**."
    )
    if by_spark:
        values["marts_spark_times"] = sum(by_spark.values()) / sum(by_duckdb.values())
        told += (
            f" Spark, two workers with a core each, once: all marts take **{values['marts_spark_times']:.1f} "
            "times** as long as by DuckDB."
        )
    header = ["mart", "PostgreSQL, s", "DuckDB, s", "times", "Spark, s"]
    return Section("Marts", f"{told}\n\n{table(header, lines)}", values)


def _seconds(found: float) -> str:
    return f"{found:.3f}" if found < _PATIENCE_SECONDS else f"more than {_PATIENCE_SECONDS}"
