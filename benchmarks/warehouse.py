"""The warehouse: what an increment takes against a full load, in time, in PostgreSQL and in memory.

Each load is a process of its own, as it is by the hour, and its memory the most that it ever had.
"""

import multiprocessing
import resource
import statistics
import time
from multiprocessing.connection import Connection as Pipe

from sqlalchemy.engine import URL, make_url

from benchmarks.harness import change, middle, table
from benchmarks.results import Section
from benchmarks.shop import Shop, Stage, vacuumed
from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.history.install import install
from soleflip_assets.metrics.mode import Mode
from soleflip_assets.warehouse.loading import load
from soleflip_assets.warehouse.shop import Shop as Source
from soleflip_assets.warehouse.state import LogState
from soleflip_assets.warehouse.store import RAW, Warehouse
from soleflip_assets.warehouse.tables import STOCK_EVENT

# With the baseline: five events a stock row.
WRITES = 4
CHANGES = 1_000
ROUNDS = 5

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload([__name__])


def run(stage: Stage) -> Section:
    """Measure, on a copy of the shop whose history is kept."""
    shop = stage.copy(stage.deployed(Mode.MATERIALIZED), "with_history")
    with Deployer(create_database_engine(shop.url), log=stage.tell) as deployer:
        install(deployer)
    with shop.connect() as connection:
        for number in range(WRITES):
            stage.tell(f"writing to every stock row: {number + 1} of {WRITES}")
            connection.execute(
                "UPDATE inventory.stock SET quantity = quantity + 1, updated_at = now()"
            )
    vacuumed(shop)
    catalog = stage.server.url("warehouse_catalog")
    stage.server.create_database("warehouse_catalog")
    folder = str(stage.folder / "warehouse")

    full = _load(shop.url, catalog, folder)
    increments = []
    with shop.connect() as connection:
        for _ in range(ROUNDS):
            change(connection, shop, CHANGES)
            increments.append(_load(shop.url, catalog, folder))
        change(connection, shop, CHANGES)
        in_postgres = _seconds_in_postgres(shop, catalog, folder)
    stage.drop(shop)
    seconds = [taken for taken, _, _ in increments]
    values = {
        "warehouse_full_seconds": full[0],
        "warehouse_full_peak_mb": full[1],
        "warehouse_increment_seconds": statistics.median(seconds),
        "warehouse_increment_in_postgres_seconds": in_postgres,
        "warehouse_increment_times": full[0] / statistics.median(seconds),
    }
    rows = [
        ["full load", f"{full[2]:,}", f"{full[0]:.1f}", "", f"{full[1]:,.0f}"],
        [
            f"{CHANGES:,} changes",
            f"{increments[0][2]:,}",
            middle(seconds),
            f"{in_postgres:.3f}",
            f"{max(peak for _, peak, _ in increments):,.0f}",
        ],
    ]
    text = (
        f"{shop.rows:,} stock rows with {WRITES + 1} events each. An increment is "
        f"**{values['warehouse_increment_times']:.0f} times** as fast as a full load, {ROUNDS} rounds. A "
        "process of its own each, without the start of Python."
    )
    header = ["load", "events", "seconds", "of which in PostgreSQL", "peak MB"]
    return Section("Warehouse", f"{text}\n\n{table(header, rows)}", values)


def _load(url: URL, catalog: URL, folder: str) -> tuple[float, float, int]:
    """Load in a process of its own: seconds, megabytes at most, events."""
    receiver, sender = _PROCESSES.Pipe(duplex=False)
    urls = [each.render_as_string(hide_password=False) for each in (url, catalog)]
    process = _PROCESSES.Process(target=_measured, args=(*urls, folder, sender))
    process.start()
    sender.close()
    found: tuple[float, float, int] = receiver.recv()
    process.join()
    return found


def _measured(url: str, catalog: str, folder: str, sender: Pipe) -> None:
    begun = time.perf_counter()
    warehouse = Warehouse(folder, make_url(catalog))
    loads = {loaded.name: loaded for loaded in load(warehouse, Source(make_url(url)), _ignore)}
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sender.send((seconds, peak, loads[STOCK_EVENT.name].rows))


def _seconds_in_postgres(shop: Shop, catalog: URL, folder: str) -> float:
    """What the server takes to give the events of an increment; reading them as Arrow is counted with it."""
    stored = Warehouse(folder, catalog).find(f"{RAW}.{STOCK_EVENT.name}")
    state = LogState.of(stored.properties) if stored else None
    assert state
    with Source(shop.url).reading() as reading:
        found = reading.of(STOCK_EVENT)
        begun = time.perf_counter()
        count = sum(rows.num_rows for rows in found.since(state.snapshot))
        seconds = time.perf_counter() - begun
    assert 0 < count <= CHANGES
    return seconds


def _ignore(line: str) -> None:
    pass
