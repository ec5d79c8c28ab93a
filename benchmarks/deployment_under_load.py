"""The deployment beside live traffic, against the same work in one transaction.

Two copies of one database: on one the steps of sql/phase2, on the other the seed's way, everything between
one BEGIN and COMMIT. Meanwhile pgbench reads and writes at fixed rates, as the application before Phase 2
would; what it measures counts from when a transaction was due, so a client that is held up hides no wait.

    python benchmarks/deployment_under_load.py --rows 1000000 --reads 400 --writes 400

Prints a Markdown table and keeps it in results/: the worst single wait of a read and of a write, how many
waited longer than a quarter of a second, the time of the whole, and the heap of stock against a freshly
written copy of it. A million rows take some eight minutes and 8 GB of disk.
"""

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import URL

from soleflip_assets.database import create_database_engine, execute_statement
from soleflip_assets.local.postgres import EMBEDDED_PROGRAMS, PostgresServer
from soleflip_assets.local.sample import create_legacy_schema, fill
from soleflip_assets.phase2.deployer import Deployer
from soleflip_assets.phase2.steps import VIEW, deploy

RESULT = Path(__file__).parent / "results" / "deployment_under_load.md"

PARAMETERS = {"shared_buffers": "1GB", "max_wal_size": "8GB", "checkpoint_timeout": "30min"}
CLIENTS = 8
BEFORE_SECONDS = 3.0
# pgbench writes its log in blocks: what counts is written once later transactions are.
AFTER_SECONDS = 6.0
STALL_MS = 250

PREPARE = (
    "CREATE TABLE public.item (n serial PRIMARY KEY, id uuid NOT NULL)",
    "INSERT INTO public.item (id) SELECT id FROM inventory.stock",
    "VACUUM ANALYZE",
)

SCRIPTS = {
    "reads": r"""
        \set n random(1, :rows)
        SELECT stock.quantity, stock.status, lifecycle.status_history
        FROM public.item
        JOIN inventory.stock ON stock.id = item.id
        LEFT JOIN inventory.stock_lifecycle AS lifecycle ON lifecycle.stock_id = stock.id
        WHERE item.n = :n;
    """,
    "writes": r"""
        \set n random(1, :rows)
        \set kind random(1, 4)
        \if :kind <= 2
        UPDATE inventory.stock SET notes = 'sold at the counter', updated_at = now()
        FROM public.item WHERE item.n = :n AND stock.id = item.id;
        \elif :kind = 3
        UPDATE inventory.stock_lifecycle SET status_history = '[]', updated_at = now()
        FROM public.item WHERE item.n = :n AND stock_lifecycle.stock_id = item.id;
        \else
        UPDATE inventory.stock_metrics SET reserved_quantity = 0, updated_at = now()
        FROM public.item WHERE item.n = :n AND stock_metrics.stock_id = item.id;
        \endif
    """,
}

# The seed's order: indexes before the data, and stock updated twice.
ONE_TRANSACTION = """
CREATE TABLE inventory.stock_financial_backup AS SELECT * FROM inventory.stock_financial;
CREATE TABLE inventory.stock_lifecycle_backup AS SELECT * FROM inventory.stock_lifecycle;
CREATE TABLE inventory.stock_metrics_backup AS SELECT * FROM inventory.stock_metrics;
ALTER TABLE inventory.stock
  ADD COLUMN listed_on_platforms jsonb, ADD COLUMN status_history jsonb,
  ADD COLUMN reserved_quantity integer DEFAULT 0;
CREATE INDEX idx_stock_reserved ON inventory.stock (id, reserved_quantity) WHERE reserved_quantity > 0;
CREATE INDEX idx_stock_listed_platforms ON inventory.stock USING GIN (listed_on_platforms)
WHERE listed_on_platforms IS NOT NULL;
CREATE INDEX idx_stock_status_history ON inventory.stock USING GIN (status_history)
WHERE status_history IS NOT NULL;
UPDATE inventory.stock
SET listed_on_platforms = legacy.listed_on_platforms, status_history = legacy.status_history
FROM inventory.stock_lifecycle AS legacy WHERE legacy.stock_id = stock.id;
UPDATE inventory.stock SET reserved_quantity = legacy.reserved_quantity
FROM inventory.stock_metrics AS legacy WHERE legacy.stock_id = stock.id;
"""


@dataclass(frozen=True)
class Measured:
    """What one way of deploying came to.

    Attributes:
        seconds: of the whole.
        waits: of each kind of traffic, every transaction's latency in milliseconds.
        heap: bytes of stock's heap, divided by those of a fresh copy.
    """

    seconds: float
    waits: dict[str, list[float]]
    heap: float


def deploy_in_steps(url: URL) -> None:
    """As `soleflip deploy` does it, without the dump."""
    with Deployer(
        create_database_engine(url), log=lambda sentence: print(f"    {sentence}", flush=True)
    ) as deployer:
        deploy(deployer)


def deploy_in_one_transaction(url: URL) -> None:
    """As the seed's script did it."""
    with create_database_engine(url).begin() as connection:
        for statement in ONE_TRANSACTION.split(";\n")[:-1]:
            execute_statement(connection, statement)
        for statement in VIEW[-1].statements:
            if statement.startswith("CREATE"):
                execute_statement(connection, statement.replace("WITH NO DATA", "WITH DATA"))


@contextmanager
def traffic(url: URL, kind: str, rate: int, rows: int, folder: Path) -> Iterator[list[float]]:
    """Run pgbench at a fixed rate for the length of the block.

    Yields:
        A list that holds the latencies, in milliseconds, once the block has ended.
    """
    script, log = folder / f"{kind}.sql", folder / f"{kind}.log"
    script.write_text(SCRIPTS[kind])
    latencies: list[float] = []
    process = subprocess.Popen(
        [
            EMBEDDED_PROGRAMS / "pgbench", "--no-vacuum", f"--client={CLIENTS}", "--jobs=1", "--time=86400",
            f"--rate={rate}", "--max-tries=100", "--log", f"--log-prefix={log}", f"--define=rows={rows}",
            f"--file={script}", f"--host={url.query['host']}", f"--username={url.username}",
            str(url.database),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield latencies
        if process.poll() is not None:
            assert process.stderr is not None
            raise RuntimeError(process.stderr.read().decode())
    finally:
        process.kill()
        process.wait()
    for file in folder.glob(f"{log.name}*"):
        # The last line may be half a line.
        lines = file.read_text().splitlines()[:-1]
        latencies += [int(line.split()[2]) / 1000 for line in lines]


def measure(
    url: URL, way: Callable[[URL], None], options: argparse.Namespace, folder: Path
) -> Measured:
    """Deploy one way under load."""
    folder.mkdir()
    with ExitStack() as stack:
        waits = {
            kind: stack.enter_context(traffic(url, kind, rate, options.rows, folder))
            for kind, rate in (("reads", options.reads), ("writes", options.writes))
        }
        time.sleep(BEFORE_SECONDS)
        begun = time.monotonic()
        way(url)
        seconds = time.monotonic() - begun
        time.sleep(AFTER_SECONDS)
    return Measured(seconds, waits, heap_ratio(url))


def heap_ratio(url: URL) -> float:
    """The heap of stock, divided by that of a copy that was written in one go."""
    engine = create_database_engine(url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("CREATE TABLE public.fresh AS SELECT * FROM inventory.stock")
        query = (
            "SELECT pg_relation_size('inventory.stock')::float8 / pg_relation_size('public.fresh')"
        )
        return float(connection.exec_driver_sql(query).scalar_one())


def build_shop(server: PostgresServer, rows: int) -> URL:
    """A busy shop before Phase 2, vacuumed, with its items numbered."""
    server.create_database("shop")
    engine = create_database_engine(server.url("shop"))
    with engine.begin() as connection:
        create_legacy_schema(connection)
        fill(connection, "busy", rows=rows)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in PREPARE:
            connection.exec_driver_sql(statement)
    return engine.url


def copy_of(server: PostgresServer, name: str) -> URL:
    """A copy of the shop."""
    engine = create_database_engine(server.url("postgres"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE shop STRATEGY file_copy")
        connection.exec_driver_sql("CHECKPOINT")
    return server.url(name)


def table(results: dict[str, Measured]) -> str:
    """The results as Markdown."""
    lines = [
        "| | worst read | worst write | reads over 250 ms | writes over 250 ms | whole | heap of stock |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, found in results.items():
        reads, writes = found.waits["reads"], found.waits["writes"]
        over = [sum(wait > STALL_MS for wait in waits) for waits in (reads, writes)]
        lines.append(
            f"| {name} | {max(reads):,.0f} ms | {max(writes):,.0f} ms | {over[0]:,} of {len(reads):,} "
            f"| {over[1]:,} of {len(writes):,} | {found.seconds:,.1f} s "
            f"| {found.heap:.2f} times a fresh one |"
        )
    return "\n".join(lines)


def report(server: PostgresServer, options: argparse.Namespace) -> str:
    """Build a shop, deploy each way on a copy of it, and put the results side by side."""
    ways = {"in steps": deploy_in_steps, "in one transaction": deploy_in_one_transaction}
    print(f"building a shop of {options.rows:,} rows", flush=True)
    build_shop(server, options.rows)
    results = {}
    for number, (way, function) in enumerate(ways.items()):
        print(f"deploying {way}", flush=True)
        url = copy_of(server, f"copy_{number}")
        results[way] = measure(url, function, options, server.data.parent / f"traffic_{number}")
    title = f"# The deployment beside {options.reads} reads and {options.writes} writes a second"
    parameters = ", ".join(f"{name} = {value}" for name, value in PARAMETERS.items())
    surroundings = (
        f"{options.rows:,} stock rows with all their legacy rows, {os.cpu_count()} cores, load average "
        f"before {options.load:.1f}; {parameters}."
    )
    return "\n\n".join([title, surroundings, table(results)])


def main() -> None:
    """Run both ways, print the table and keep it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="of inventory.stock")
    parser.add_argument("--reads", type=int, default=400, help="a second")
    parser.add_argument("--writes", type=int, default=400, help="a second")
    options = parser.parse_args()
    options.load = os.getloadavg()[0]

    with tempfile.TemporaryDirectory(prefix="soleflip-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        with PostgresServer(folder / "data", parameters=PARAMETERS).running() as server:
            written = report(server, options)
            # What is thrown away need not be written out first.
            server.stop("immediate")
    print(written)
    RESULT.write_text(written + "\n", encoding="utf-8")
    print(f"written to {RESULT}")


if __name__ == "__main__":
    main()
