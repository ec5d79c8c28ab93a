"""The deployment beside live traffic, against the same work in one transaction.

On two copies of the shop: on one the steps of sql/phase2, on the other the seed's way, everything between one
BEGIN and COMMIT. Meanwhile pgbench reads and writes at fixed rates, as the application before Phase 2 would;
what it measures counts from when a transaction was due, so a client that is held up hides no wait. Shown are
the worst single wait of a read and of a write, how many waited longer than a quarter of a second, the time of
the whole, and the heap of stock against a freshly written copy of it.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy.engine import URL

from benchmarks.harness import table, traffic
from benchmarks.results import Section
from benchmarks.shop import Shop, Stage
from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.ground.database import execute_statement
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.phase2.steps import VIEW_FILES, deploy

# A second, each.
READS = WRITES = 400
BEFORE_SECONDS = 3.0
# pgbench writes its log in blocks: what counts is written once later transactions are.
AFTER_SECONDS = 6.0
STALL_MS = 250

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


def run(stage: Stage) -> Section:
    """Measure."""
    ways: dict[str, Callable[[Shop], None]] = {
        "in steps": partial(_in_steps, stage),
        "in one transaction": _in_one_transaction,
    }
    found = {}
    with stage.setting("autovacuum", on=True):
        for number, (name, way) in enumerate(ways.items()):
            stage.tell(f"deployment: {name}")
            copy = stage.copy(stage.legacy, f"deployment_{number}")
            with stage.administer() as connection:
                connection.execute("CHECKPOINT")
            found[name] = _measure(copy, way, stage.folder / f"traffic_{number}")
            stage.drop(copy)
    steps, transaction = found.values()
    values = {
        **_values("steps", steps),
        **_values("transaction", transaction),
        "deployment_seconds": steps.seconds / transaction.seconds,
        "deployment_worst_ms": max(map(max, steps.waits.values())),
        "deployment_heap": steps.heap,
    }
    text = (
        f"Beside {READS} reads and {WRITES} writes a second, which count from when they were due. In one "
        f"transaction the worst read waited **{_times(transaction, steps, 'reads'):,.0f}** times as long, "
        f"the worst write **{_times(transaction, steps, 'writes'):,.0f}** times; the whole took "
        f"**{1 / values['deployment_seconds']:.2f}** times as long.\n\n"
    )
    return Section("Deployment under load", text + _table(found), values)


def _values(way: str, measured: Measured) -> dict[str, float]:
    waits = {f"deployment_{way}_{kind}_ms": max(found) for kind, found in measured.waits.items()}
    return {f"deployment_{way}_seconds": measured.seconds, **waits}


def _times(theirs: Measured, ours: Measured, kind: str) -> float:
    return max(theirs.waits[kind]) / max(ours.waits[kind])


def _table(results: dict[str, Measured]) -> str:
    header = [
        "", "worst read, ms", "worst write, ms", f"reads over {STALL_MS} ms", f"writes over {STALL_MS} ms",
        "whole, s", "heap of stock, times a fresh one",
    ]  # fmt: skip
    rows = []
    for name, found in results.items():
        reads, writes = found.waits["reads"], found.waits["writes"]
        over = [
            f"{sum(wait > STALL_MS for wait in waits):,} of {len(waits):,}"
            for waits in (reads, writes)
        ]
        rows.append(
            [
                name,
                f"{max(reads):,.0f}",
                f"{max(writes):,.0f}",
                *over,
                f"{found.seconds:,.1f}",
                f"{found.heap:.2f}",
            ]
        )
    return table(header, rows)


def _in_steps(stage: Stage, shop: Shop) -> None:
    """As `soleflip deploy` does it, without the dump."""
    with Deployer(create_database_engine(shop.url), log=stage.tell) as deployer:
        deploy(deployer)


def _in_one_transaction(shop: Shop) -> None:
    """As the seed's script did it."""
    with create_database_engine(shop.url).begin() as connection:
        for statement in ONE_TRANSACTION.split(";\n")[:-1]:
            execute_statement(connection, statement)
        for statement in VIEW_FILES[-1].statements:
            if statement.startswith("CREATE"):
                execute_statement(connection, statement.replace("WITH NO DATA", "WITH DATA"))


def _measure(shop: Shop, way: Callable[[Shop], None], folder: Path) -> Measured:
    """Deploy one way under load."""
    folder.mkdir()
    with ExitStack() as stack:
        waits = {
            kind: stack.enter_context(traffic(shop, kind, SCRIPTS[kind], rate, folder))
            for kind, rate in (("reads", READS), ("writes", WRITES))
        }
        time.sleep(BEFORE_SECONDS)
        begun = time.monotonic()
        way(shop)
        seconds = time.monotonic() - begun
        time.sleep(AFTER_SECONDS)
    return Measured(seconds, waits, _heap_ratio(shop.url))


def _heap_ratio(url: URL) -> float:
    """The heap of stock, divided by that of a copy that was written in one go."""
    engine = create_database_engine(url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("CREATE TABLE public.fresh AS SELECT * FROM inventory.stock")
        query = (
            "SELECT pg_relation_size('inventory.stock')::float8 / pg_relation_size('public.fresh')"
        )
        return float(connection.exec_driver_sql(query).scalar_one())
