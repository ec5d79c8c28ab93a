"""Reservations per second, and how many are sold that are not there, by way of admission.

Three ways, as pgbench scripts over real connections, each in a transaction that also writes the ledger:
one conditional UPDATE; SELECT … FOR UPDATE, then UPDATE; SELECT, then UPDATE to what was computed from
it, as ``item.reserved_quantity += 1`` does. Beside them ``InventoryService.reserve``, whose clients are
Python coroutines in one process per core and share the machine with the server.

    python benchmarks/reservations.py --seconds 2

Prints a Markdown table. A cell of the first half is the rate with plenty of stock; of the second half,
units reserved when four times as many are asked for as there are.
"""

import argparse
import asyncio
import os
import random
import re
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy import Connection, Engine, NullPool, create_engine, text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.embedded.postgres import EMBEDDED_PROGRAMS, PostgresServer
from soleflip_assets.inventory import InsufficientStock, InventoryService
from soleflip_assets.phase2.steps import deploy
from soleflip_assets.sample.sample import create_legacy_schema

CLIENTS = (1, 16, 64)
ITEMS = {"one hot row": 1, "100 rows": 100}
PLENTY = 1_000_000
SCARCE = 100  # units in all, however many rows they lie in

# bench_item(n): the id of the n-th item.
SCHEMA = """
    CREATE FUNCTION bench_item(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE
    RETURN ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid
"""

EMPTY = ("TRUNCATE inventory.stock_reservation", "DELETE FROM inventory.stock")

FILL = """
    INSERT INTO inventory.stock (id, product_id, size_id, quantity, status)
    SELECT bench_item(n), gen_random_uuid(), gen_random_uuid(), :quantity, 'in_stock'
    FROM generate_series(1, :items) AS n
"""

SCRIPTS = {
    "conditional UPDATE": r"""
        \set n random(1, :items)
        BEGIN;
        WITH admitted AS (
          UPDATE inventory.stock
          SET reserved_quantity = coalesce(reserved_quantity, 0) + 1, updated_at = now()
          WHERE id = bench_item(:n) AND quantity - coalesce(reserved_quantity, 0) >= 1
          RETURNING id
        )
        INSERT INTO inventory.stock_reservation (stock_id, reserved_quantity, status)
        SELECT id, 1, 'active' FROM admitted;
        COMMIT;
    """,
    "SELECT … FOR UPDATE, then UPDATE": r"""
        \set n random(1, :items)
        BEGIN;
        SELECT quantity - coalesce(reserved_quantity, 0) AS available
        FROM inventory.stock WHERE id = bench_item(:n) FOR UPDATE \gset
        \if :available >= 1
        UPDATE inventory.stock
        SET reserved_quantity = coalesce(reserved_quantity, 0) + 1, updated_at = now()
        WHERE id = bench_item(:n);
        INSERT INTO inventory.stock_reservation (stock_id, reserved_quantity, status)
        VALUES (bench_item(:n), 1, 'active');
        \endif
        COMMIT;
    """,
    "SELECT, then UPDATE": r"""
        \set n random(1, :items)
        BEGIN;
        SELECT coalesce(reserved_quantity, 0) AS reserved,
          quantity - coalesce(reserved_quantity, 0) AS available
        FROM inventory.stock WHERE id = bench_item(:n) \gset
        \if :available >= 1
        UPDATE inventory.stock
        SET reserved_quantity = :reserved + 1, updated_at = now()
        WHERE id = bench_item(:n);
        INSERT INTO inventory.stock_reservation (stock_id, reserved_quantity, status)
        VALUES (bench_item(:n), 1, 'active');
        \endif
        COMMIT;
    """,
}


@dataclass(frozen=True)
class Load:
    """What one run does.

    Attributes:
        items: rows that are reserved from, at random.
        clients: connections.
        seconds: how long; 0 to make ``attempts`` instead.
        attempts: reservations tried by each client.
    """

    items: int
    clients: int
    seconds: int = 0
    attempts: int = 0


Run = Callable[[URL, Load], None]


def pgbench(script: str) -> Run:
    """A way of admission as a pgbench script."""

    def run(url: URL, load: Load) -> None:
        length = (
            ["--time", str(load.seconds)]
            if load.seconds
            else ["--transactions", str(load.attempts)]
        )
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
            # pgbench reads a command with a backslash to the end of its line.
            file.write(re.sub(r"^\s+", "", script, flags=re.MULTILINE))
            file.flush()
            subprocess.run(
                [
                    EMBEDDED_PROGRAMS / "pgbench", "--no-vacuum", "--protocol", "prepared",
                    "--client", str(load.clients), "--jobs", str(min(load.clients, _cores())),
                    "--define", f"items={load.items}", "--file", file.name, *length,
                    "--host", str(url.query["host"]), "--username", "postgres", str(url.database),
                ],
                check=True,
                capture_output=True,
            )  # fmt: skip

    return run


def service(url: URL, load: Load) -> None:
    """``InventoryService.reserve``, its clients spread over a process per core."""
    processes = min(load.clients, _cores())
    with ProcessPoolExecutor(processes) as pool:
        shares = [len(range(number, load.clients, processes)) for number in range(processes)]
        for _ in pool.map(_service_process, [url] * processes, [load] * processes, shares):
            pass


def _service_process(url: URL, load: Load, clients: int) -> None:
    asyncio.run(_service_clients(url, load, clients))


async def _service_clients(url: URL, load: Load, clients: int) -> None:
    engine = create_async_engine(url, pool_size=clients)
    sessions = [AsyncSession(engine) for _ in range(clients)]
    await asyncio.gather(*(session.connection() for session in sessions))
    await asyncio.gather(*(_service_client(session, load) for session in sessions))
    await engine.dispose()


async def _service_client(session: AsyncSession, load: Load) -> None:
    until = time.monotonic() + load.seconds
    attempts = 0
    while time.monotonic() < until if load.seconds else attempts < load.attempts:
        attempts += 1
        item = UUID(f"00000000-0000-0000-0000-{random.randint(1, load.items):012d}")
        with suppress(InsufficientStock):
            await InventoryService(session).reserve(item, 1, reserved_by="bench")
        await session.commit()
    await session.close()


def _cores() -> int:
    return os.cpu_count() or 1


def prepare(engine: Engine, items: int, quantity: int) -> None:
    """So many items of so many units, none reserved."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in EMPTY:
            connection.execute(text(statement))
        connection.execute(text(FILL), {"items": items, "quantity": quantity})
        connection.execute(text("VACUUM ANALYZE inventory.stock"))


def reserved(connection: Connection) -> int:
    """Units promised to somebody: what the ledger says, whatever the items say."""
    ledger = text("SELECT coalesce(sum(reserved_quantity), 0) FROM inventory.stock_reservation")
    return int(connection.scalar(ledger) or 0)


def measure(engine: Engine, run: Run, items: int, clients: int, seconds: int) -> tuple[float, int]:
    """Reservations per second with plenty of stock, and units reserved of scarce stock."""
    prepare(engine, items, PLENTY)
    run(engine.url, Load(items, clients, seconds=seconds))
    with engine.connect() as connection:
        rate = reserved(connection) / seconds
    prepare(engine, items, SCARCE // items)
    run(engine.url, Load(items, clients, attempts=-(-4 * SCARCE // clients)))
    with engine.connect() as connection:
        return rate, reserved(connection)


def main() -> None:
    """Run everything on a server of its own, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=2, help="length of each measurement")
    parser.add_argument("--clients", type=int, nargs="+", default=CLIENTS, help="connections")
    arguments = parser.parse_args()

    ways: dict[str, Run] = {name: pgbench(script) for name, script in SCRIPTS.items()}
    ways["InventoryService.reserve"] = service
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        parameters = {"max_connections": str(max(arguments.clients) + 20)}
        with PostgresServer(Path(folder) / "data", parameters=parameters).running() as server:
            server.create_database("shop")
            url = server.url("shop").set(drivername="postgresql+psycopg")
            engine = create_engine(url, poolclass=NullPool)
            with engine.begin() as connection:
                create_legacy_schema(connection)
                connection.execute(text(SCHEMA))
            with Deployer(engine, log=lambda _: None) as deployer:
                deploy(deployer)
            _print_table(engine, ways, arguments.clients, arguments.seconds)


def _print_table(engine: Engine, ways: dict[str, Run], clients: list[int], seconds: int) -> None:
    heads = [f"{count} clients, per s" for count in clients]
    heads += [f"{count} clients, of {SCARCE} units" for count in clients]
    print("| reserved from | way | " + " | ".join(heads) + " |")
    print("| --- | --- |" + " ---: |" * len(heads))
    for place, items in ITEMS.items():
        for name, run in ways.items():
            cells = [measure(engine, run, items, count, seconds) for count in clients]
            rates = [f"{rate:,.0f}" for rate, _ in cells]
            sold = [f"**{units}**" if units > SCARCE else str(units) for _, units in cells]
            print(f"| {place} | {name} | " + " | ".join(rates + sold) + " |", flush=True)


if __name__ == "__main__":
    main()
