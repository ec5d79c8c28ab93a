"""A shop at work, a warehouse that is loaded without a pause, and whatever kills either of them.

Here: writers in transactions of every kind, a process that loads, faults, and what is lost or doubled after
them. Not here: for how long (test_exactly_once.py, benchmarks/exactly_once.py).
"""

import multiprocessing
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from typing import Any

import psycopg
from sqlalchemy.engine import URL, make_url

from soleflip_assets.embedded.postgres import PostgresServer
from soleflip_assets.warehouse.comparing import months_of, rows_match, sums_match
from soleflip_assets.warehouse.loading import load
from soleflip_assets.warehouse.shop import Shop
from soleflip_assets.warehouse.store import Warehouse
from soleflip_assets.warehouse.tables import LOGS
from soleflip_assets.warehouse.upkeep import keep
from tests.integration.warehouse.kept import Loading, connected, logged

SESSIONS = 8
# Small files become few, and old snapshots go, so that a long run is one of the last hour's size.
_LOADS_BETWEEN_UPKEEP = 20
# Begun before several loads and committed after them.
_LONG_SECONDS = (0.5, 3.0)
_SETTLE_SECONDS = 60

_LOADS, _UPKEEPS = "loads", "upkeeps"

ONE = "UPDATE inventory.stock SET quantity = quantity + 1 WHERE id = %s"

# Forked from a process that has imported this already: four seconds each.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload([__name__])


def ids_of(url: URL) -> list[str]:
    """The rows of stock."""
    with connected(url) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM inventory.stock ORDER BY id")]


def write_once(
    connection: psycopg.Connection[Any], chance: random.Random, ids: Sequence[str], name: str
) -> None:
    """Write in a transaction of some kind: one may be rolled back, in part or whole, or prepared first.

    Args:
        connection: that commits by itself.
        chance: which kind.
        ids: rows that nobody else writes to.
        name: of what is prepared.
    """
    match chance.choice(["plain", "savepoint", "undone", "prepared", "abandoned"]):
        case "plain":
            connection.execute(ONE, [chance.choice(ids)])
        case "savepoint":
            with connection.transaction():
                connection.execute(ONE, [chance.choice(ids)])
                with connection.transaction(force_rollback=chance.random() < 0.5):
                    connection.execute(ONE, [chance.choice(ids)])
                time.sleep(chance.random() / 50)
        case "undone":
            with connection.transaction(force_rollback=True):
                connection.execute(ONE, [chance.choice(ids)])
        case kind:
            with connection.transaction():
                connection.execute(ONE, [chance.choice(ids)])
                connection.execute(f"PREPARE TRANSACTION '{name}'".encode())
            time.sleep(chance.random() / 50)
            ending = "COMMIT" if kind == "prepared" else "ROLLBACK"
            connection.execute(f"{ending} PREPARED '{name}'".encode())


@dataclass
class Chaos:
    """A shop and its warehouse, each on a server of its own that may be killed.

    Attributes:
        loading: the shop and the warehouse.
        shop: the server of the one.
        catalog: the server of the other's catalog.
        seed: of what happens.
        done: how often each fault struck, and how many loads were finished.
        met: what loads ended with, by kind of error.
    """

    loading: Loading
    shop: PostgresServer
    catalog: PostgresServer
    seed: int
    done: Counter[str] = field(default_factory=Counter)
    met: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Know what may happen."""
        self._chance = random.Random(self.seed)
        self.faults: Mapping[str, Callable[[], None]] = {
            "the load was killed": self._kill_load,
            "the shop's server crashed": lambda: self._restart(self.shop, "immediate"),
            "the shop's server restarted": lambda: self._restart(self.shop, "fast"),
            "the catalog's server crashed": lambda: self._restart(self.catalog, "immediate"),
            "the catalog's server restarted": lambda: self._restart(self.catalog, "fast"),
        }

    def suffer(self, faults: Sequence[str], pause: float) -> None:
        """Let faults strike, one after the other, while the shop is written to and loaded.

        Args:
            faults: their names.
            pause: at most so many seconds between two.
        """
        ids = ids_of(self.loading.url)
        shares = [ids[number :: SESSIONS + 1] for number in range(SESSIONS + 1)]
        with self._writers(shares), self._loader():
            self._await_load()
            for name in faults:
                time.sleep(self._chance.uniform(0, pause))
                self.faults[name]()
                self.done[name] += 1
            self._await_load()

    @property
    def wrong(self) -> dict[str, int]:
        """Load what is left, then count what was lost, what is there twice, and which sums differ."""
        self.loading.load()
        found: dict[str, int] = {}
        for log in LOGS:
            ours, theirs = (
                Counter(self.loading.events(log.name)),
                Counter(logged(self.loading.url, log.name)),
            )
            months = months_of(self.loading.warehouse, self.loading.shop, log)
            answers = (rows_match(months), sums_match(months))
            found |= {
                f"{log.name} lost": (theirs - ours).total(),
                f"{log.name} doubled": (ours - theirs).total(),
                f"{log.name} differing": sum(not answer.passed for answer in answers),
            }
        return {name: number for name, number in found.items() if number}

    @contextmanager
    def _writers(self, shares: Sequence[Sequence[str]]) -> Iterator[None]:
        over = threading.Event()
        with ThreadPoolExecutor(len(shares)) as pool:
            sessions: list[Future[None]] = [
                pool.submit(self._write, number, ids, over) for number, ids in enumerate(shares)
            ]
            try:
                yield
            finally:
                over.set()
            for session in sessions:
                session.result(_SETTLE_SECONDS)

    def _write(self, number: int, ids: Sequence[str], over: threading.Event) -> None:
        """Write until it is over, on a new connection wherever one breaks; the last one at length."""
        chance = random.Random(self.seed * 100 + number)
        step = 0
        while not over.is_set():
            with suppress(psycopg.OperationalError), connected(self.loading.url) as connection:
                _finish_prepared(connection, f"{number}-")
                while not over.is_set():
                    step += 1
                    if number < SESSIONS:
                        write_once(connection, chance, ids, f"{number}-{self.seed}-{step}")
                        time.sleep(chance.random() / 50)
                    else:
                        _write_at_length(connection, chance, ids, over)
                    self.done["writes"] += 1
            time.sleep(0.05)
        with connected(self.loading.url) as connection:
            _finish_prepared(connection, f"{number}-")

    @contextmanager
    def _loader(self) -> Iterator[None]:
        self._begin_load()
        try:
            yield
        finally:
            self._end_load()

    def _begin_load(self) -> None:
        self._receiver, sender = _PROCESSES.Pipe(duplex=False)
        urls = [
            url.render_as_string(hide_password=False)
            for url in (self.loading.url, self.loading.catalog)
        ]
        self._process = _PROCESSES.Process(
            target=_load_again_and_again, args=(*urls, self.loading.warehouse.folder, sender)
        )
        self._process.start()
        sender.close()

    def _end_load(self) -> None:
        self._process.kill()
        self._process.join()
        with suppress(EOFError):
            while True:
                self._hear()
        self._receiver.close()

    def _await_load(self) -> None:
        before, deadline = self.done[_LOADS], time.monotonic() + _SETTLE_SECONDS
        while self.done[_LOADS] == before:
            assert self._receiver.poll(deadline - time.monotonic()), (
                f"no load was finished: {self.met}"
            )
            self._hear()

    def _hear(self) -> None:
        what = self._receiver.recv()
        (self.done if what in {_LOADS, _UPKEEPS} else self.met)[what] += 1

    def _kill_load(self) -> None:
        self._end_load()
        self._begin_load()

    def _restart(self, server: PostgresServer, mode: str) -> None:
        server.stop(mode)
        time.sleep(self._chance.random() / 5)
        assert server.revive()


def _write_at_length(
    connection: psycopg.Connection[Any],
    chance: random.Random,
    ids: Sequence[str],
    over: threading.Event,
) -> None:
    with connection.transaction(force_rollback=chance.random() < 0.2):
        connection.execute(ONE, [chance.choice(ids)])
        over.wait(chance.uniform(*_LONG_SECONDS))
        connection.execute(ONE, [chance.choice(ids)])


def _finish_prepared(connection: psycopg.Connection[Any], beginning: str) -> None:
    """Commit what a session has prepared before it broke: it would hold its rows for ever."""
    for (name,) in connection.execute(
        "SELECT gid FROM pg_prepared_xacts WHERE database = current_database() AND starts_with(gid, %s)",
        [beginning],
    ).fetchall():
        connection.execute(f"COMMIT PREPARED '{name}'".encode())


def _load_again_and_again(url: str, catalog: str, folder: str, sender: Pipe) -> None:
    """Load, and now and then keep the warehouse small, until this process is killed."""
    number = 0
    while True:
        number += 1
        try:
            warehouse = Warehouse(folder, make_url(catalog))
            for _ in load(warehouse, Shop(make_url(url)), _ignore):
                pass
            sender.send(_LOADS)
            if number % _LOADS_BETWEEN_UPKEEP == 0:
                for _ in keep(warehouse, 0, _ignore):
                    pass
                sender.send(_UPKEEPS)
        except Exception as error:  # noqa: BLE001 whatever it met, the next one has to do its work
            sender.send(type(error).__name__)
            time.sleep(0.05)


def _ignore(line: str) -> None:
    pass
