"""How something is measured: what a statement costs, how long others wait, what pgbench reaches.

Here: measuring, and the figures as text. Not here: what is measured, or on which database (shop.py).
"""

import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.shop import Connection, Shop
from soleflip_assets.checks.shown import markdown_table
from soleflip_assets.embedded.postgres import EMBEDDED_PROGRAMS

_PROBE_EACH_SECONDS = 0.005
# Of each kind of traffic.
_CLIENTS = 8


@dataclass(frozen=True)
class Cost:
    """What something cost the database.

    Attributes:
        milliseconds: until it had committed.
        wal: bytes written to the log.
    """

    milliseconds: float
    wal: float


def cost_of(connection: Connection, action: Callable[[], float | None]) -> Cost:
    """Do something and measure it.

    Args:
        connection: to the server, where nobody else writes.
        action: gives the milliseconds that count, if not all of them do.
    """
    before = number(connection, "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
    begun = time.perf_counter()
    counted = action()
    elapsed = 1000 * (time.perf_counter() - begun)
    after = number(connection, "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
    return Cost(elapsed if counted is None else counted, after - before)


def timed(action: Callable[[], object]) -> float:
    """Seconds that something takes."""
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def change(connection: Connection, shop: Shop, changes: int) -> None:
    """Change so many stock rows, chosen at random, in one transaction."""
    connection.execute(
        """
        UPDATE inventory.stock SET quantity = quantity + 1, updated_at = now()
        WHERE id IN (
          SELECT item.id FROM public.item
          WHERE item.n IN (SELECT 1 + floor(random() * %s)::int FROM generate_series(1, %s))
        )
        """,
        [shop.rows, changes],
    )


def latencies(
    connection: Connection, statement: str, times: int, within_seconds: float = 5
) -> list[float]:
    """Milliseconds of so many executions of a prepared statement, client included; at least two."""
    measured: list[float] = []
    deadline = time.perf_counter() + within_seconds
    while len(measured) < 2 or (len(measured) < times and time.perf_counter() < deadline):
        begun = time.perf_counter()
        connection.execute(statement.encode(), prepare=True).fetchall()
        measured.append(1000 * (time.perf_counter() - begun))
    return measured


@contextmanager
def probing(shop: Shop, statement: str) -> Iterator[list[float]]:
    """Execute a statement every few milliseconds beside the block, as somebody who must not be held up.

    Yields:
        A list of the milliseconds of each execution, complete once the block has ended.
    """
    waits: list[float] = []
    ended, begun = threading.Event(), threading.Event()

    def probe() -> None:
        try:
            with shop.connect() as connection:
                connection.execute(statement.encode(), prepare=True)
                begun.set()
                while not ended.wait(_PROBE_EACH_SECONDS):
                    waits.append(1000 * timed(lambda: connection.execute(statement.encode())))
        finally:
            begun.set()

    with ThreadPoolExecutor(1) as pool:
        probing = pool.submit(probe)
        begun.wait()
        try:
            yield waits
        finally:
            ended.set()
        # What went wrong there is told here.
        probing.result()


def transactions_per_second(shop: Shop, script: str, clients: int, seconds: int) -> float:
    """What pgbench reaches with a script, in which ``:rows`` is the number of items."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        done = subprocess.run(
            [
                EMBEDDED_PROGRAMS / "pgbench", "--no-vacuum", "--protocol", "prepared",
                "--client", str(clients), "--jobs", "2", "--time", str(seconds), "--file", file.name,
                "--define", f"rows={shop.rows}", "--host", str(shop.url.query["host"]),
                "--username", "postgres", str(shop.url.database),
            ],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("tps = "))
    return float(line.split()[2])


@contextmanager
def traffic(shop: Shop, kind: str, text: str, rate: int, folder: Path) -> Iterator[list[float]]:
    """Run pgbench at a fixed rate for the length of the block.

    What it measures counts from when a transaction was due, so a client that is held up hides no wait.

    Args:
        shop: on which database.
        kind: a name for the files of it.
        text: the script, in which ``:rows`` is the number of rows.
        rate: transactions a second.
        folder: for its files.

    Yields:
        A list that holds the latencies, in milliseconds, once the block has ended.
    """
    script, log = folder / f"{kind}.sql", folder / f"{kind}.log"
    script.write_text(text)
    latencies: list[float] = []
    process = subprocess.Popen(
        [
            EMBEDDED_PROGRAMS / "pgbench", "--no-vacuum", f"--client={_CLIENTS}", "--jobs=1", "--time=86400",
            f"--rate={rate}", "--max-tries=100", "--log", f"--log-prefix={log}", f"--define=rows={shop.rows}",
            f"--file={script}", f"--host={shop.url.query['host']}", f"--username={shop.url.username}",
            str(shop.url.database),
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


def size_of(connection: Connection, relation: str) -> float:
    """Bytes of a relation with its indexes."""
    return number(connection, f"SELECT pg_total_relation_size('{relation}')")


def number(connection: Connection, statement: str) -> float:
    """The one number that a statement gives."""
    row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return float(str(row[0]))


def middle(values: Sequence[float]) -> str:
    """The median, and the spread where there is one."""
    median = _short(statistics.median(values))
    if len(values) == 1:
        return median
    return f"{median} ({_short(min(values))} to {_short(max(values))})"


@dataclass(frozen=True)
class Ratio:
    """How many times as much one thing takes as another.

    Attributes:
        median: of the medians, or of the pairs.
        least: at worst for us.
        most: at best.
    """

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, theirs: Sequence[float], ours: Sequence[float]) -> "Ratio":
        """Of two series that were measured one after the other."""
        floor = max(min(ours), 1e-9)
        return cls(
            statistics.median(theirs) / max(statistics.median(ours), 1e-9),
            min(theirs) / max(*ours, 1e-9),
            max(theirs) / floor,
        )

    @classmethod
    def of_pairs(cls, theirs: Sequence[float], ours: Sequence[float]) -> "Ratio":
        """Of two series that were measured in turn: what else the machine did, it did to both."""
        ratios = [their / our for their, our in zip(theirs, ours, strict=True)]
        return cls(statistics.median(ratios), min(ratios), max(ratios))

    def __str__(self) -> str:
        return f"**{_short(self.median)}** ({_short(self.least)} to {_short(self.most)})"


def _short(value: float) -> str:
    """Three digits or all before the point."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.3f}" if value < 1 else f"{value:.2f}"


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """As Markdown."""
    return markdown_table(header, rows, numbers=range(1, len(header)))
