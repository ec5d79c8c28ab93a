"""What the benchmarks share: a shop of any size on a server of its own, measuring, and Markdown.

Here: how something is measured. Not here: what.
"""

import os
import platform
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from sqlalchemy import Engine
from sqlalchemy.engine import URL

from soleflip_assets.database import create_database_engine
from soleflip_assets.local.postgres import EMBEDDED_PROGRAMS, PostgresServer
from soleflip_assets.local.sample import create_legacy_schema
from soleflip_assets.metrics.mode import Mode, switch
from soleflip_assets.phase2.deployer import Deployer
from soleflip_assets.phase2.steps import deploy

Connection = psycopg.Connection[tuple[object, ...]]

# Autovacuum would come when it likes; where growth is measured, it is called.
_PARAMETERS = {
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "1h",
    "autovacuum": "off",
}

_STOCK = """
    INSERT INTO inventory.stock (
      id, product_id, size_id, quantity, status,
      purchase_price, gross_purchase_price, vat_amount, roi_percentage
    )
    SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1 + n %% 3,
      CASE WHEN n %% 3 = 0 THEN 'sold' ELSE 'in_stock' END, 100, 119, 19, n %% 50 - 10
    FROM generate_series(1, %s) AS n
"""
_LEGACY = (
    """
    INSERT INTO inventory.stock_financial (stock_id, purchase_price, gross_purchase_price, vat_amount, roi)
    SELECT id, purchase_price, gross_purchase_price, vat_amount, roi_percentage FROM inventory.stock
    """,
    """
    INSERT INTO inventory.stock_lifecycle (stock_id, listed_on_platforms, status_history)
    SELECT id,
      jsonb_build_array(jsonb_build_object(
        'platform', (ARRAY['stockx', 'ebay', 'alias', 'goat'])[1 + abs(hashtext(id::text)) %% 4],
        'listing_id', id, 'listed_at', '2025-11-01T12:00:00+01:00', 'status', 'active')),
      jsonb_build_array(jsonb_build_object(
        'from_status', 'incoming', 'to_status', status,
        'changed_at', '2025-11-01T12:00:00+01:00', 'reason', 'sale'))
    FROM inventory.stock
    """,
    """
    INSERT INTO inventory.stock_metrics (
      stock_id, available_quantity, reserved_quantity, total_cost, expected_profit
    )
    SELECT id, quantity, 0, gross_purchase_price, NULL FROM inventory.stock
    """,
)


@dataclass(frozen=True)
class Shop:
    """A database with Phase 2 deployed and so many stock rows, each with its legacy rows.

    Attributes:
        engine: its engine.
        rows: how many.
    """

    engine: Engine
    rows: int

    @property
    def url(self) -> URL:
        """Where it is."""
        return self.engine.url.set(
            drivername="postgresql", query={"host": self.engine.url.query["host"]}
        )

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection that commits each statement by itself."""
        url = self.url.render_as_string(hide_password=False)
        with psycopg.connect(url, autocommit=True) as connection:
            yield connection

    def keep(self, mode: Mode) -> None:
        """Keep the metrics in a mode."""
        with Deployer(self.engine, log=lambda _: None) as deployer:
            switch(deployer, mode)


@contextmanager
def shop_of(rows: int) -> Iterator[Shop]:
    """A shop of so many rows, on a server that lives as long as the block."""
    with tempfile.TemporaryDirectory(prefix="soleflip-bench-") as folder:
        Path(folder).chmod(0o711)
        with PostgresServer(Path(folder) / "data", parameters=_PARAMETERS).running() as server:
            server.create_database("shop")
            shop = Shop(create_database_engine(server.url("shop")), rows)
            with shop.engine.begin() as connection:
                create_legacy_schema(connection)
            with shop.connect() as connection:
                connection.execute(_STOCK.encode(), [rows])
                for statement in _LEGACY:
                    connection.execute(statement.replace("%%", "%").encode())
                connection.execute("VACUUM ANALYZE")
            with Deployer(shop.engine, log=lambda _: None) as deployer:
                deploy(deployer)
            with shop.connect() as connection:
                connection.execute("VACUUM ANALYZE")
            yield shop


@dataclass(frozen=True)
class Cost:
    """What a statement cost the database.

    Attributes:
        milliseconds: until it had committed.
        wal: bytes written to the log.
    """

    milliseconds: float
    wal: int


def cost_of(connection: Connection, statement: str) -> Cost:
    """Execute a statement and measure it."""
    before = _value(connection, "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
    begun = time.perf_counter()
    connection.execute(statement.encode())
    milliseconds = 1000 * (time.perf_counter() - begun)
    return Cost(
        milliseconds,
        int(_value(connection, "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn") - before),
    )


def latencies(connection: Connection, statement: str, times: int) -> list[float]:
    """Milliseconds of so many executions of a prepared statement, client included."""
    measured = []
    for _ in range(times):
        begun = time.perf_counter()
        connection.execute(statement.encode(), prepare=True).fetchall()
        measured.append(1000 * (time.perf_counter() - begun))
    return measured


def transactions_per_second(shop: Shop, script: str, clients: int, seconds: int) -> float:
    """What pgbench reaches with a script."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        done = subprocess.run(
            [
                EMBEDDED_PROGRAMS / "pgbench", "--no-vacuum", "--protocol", "prepared",
                "--client", str(clients), "--jobs", "2", "--time", str(seconds), "--file", file.name,
                "--host", str(shop.url.query["host"]), "--username", "postgres", str(shop.url.database),
            ],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("tps = "))
    return float(line.split()[2])


def size_of(connection: Connection, relation: str) -> int:
    """Bytes of a relation with its indexes."""
    return int(_value(connection, f"SELECT pg_total_relation_size('{relation}')"))


def middle(values: Sequence[float]) -> str:
    """The median, and the spread where there is one."""
    low, high = min(values), max(values)
    return f"{statistics.median(values):,.2f} ({low:,.2f} to {high:,.2f})"


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """As Markdown."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def surroundings(shop: Shop) -> str:
    """Machine, versions and rows, as a sentence."""
    with shop.connect() as connection:
        version = connection.execute("SHOW server_version").fetchone()
    assert version is not None
    return (
        f"{shop.rows:,} stock rows, PostgreSQL {version[0]}, Python {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, load average "
        f"{os.getloadavg()[0]:.1f}; {', '.join(f'{k} = {v}' for k, v in _PARAMETERS.items())}."
    )


def _value(connection: Connection, statement: str) -> float:
    row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return float(str(row[0]))


Benchmark = Callable[[Shop], str]
