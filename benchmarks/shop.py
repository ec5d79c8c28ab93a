"""The shops that are measured: one server, on it a database as it is before Phase 2 and its deployed copies.

Here: the server and its databases. Not here: how something is measured, which is harness.py's, or what.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg
from psycopg import sql
from sqlalchemy.engine import URL

from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.embedded.postgres import EMBEDDED_PROGRAMS, PostgresServer
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.ground.settings import Sample
from soleflip_assets.metrics.mode import Mode, switch
from soleflip_assets.phase2.steps import deploy
from soleflip_assets.sample.sample import create_legacy_schema, fill

Connection = psycopg.Connection[tuple[object, ...]]

PARAMETERS = {
    # A quarter of the machine's memory, as PostgreSQL's documentation recommends for a server of its own.
    "shared_buffers": f"{psutil.virtual_memory().total // 2**20 // 4}MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "1h",
    # Sessions are counted by their ends, which the log tells.
    "log_disconnections": "on",
}

DEFAULT_BUFFERS = "128MB"

# The modes in which rows are kept; the third is what benchmarks/live.py holds against them.
REFRESHED = (Mode.MATERIALIZED, Mode.INCREMENTAL)

_LEGACY = "shop"
_ITEMS = (
    "CREATE TABLE public.item (n serial PRIMARY KEY, id uuid NOT NULL)",
    "INSERT INTO public.item (id) SELECT id FROM inventory.stock ORDER BY random()",
)


@dataclass(frozen=True)
class Shop:
    """A database with so many stock rows, whose ids ``public.item`` numbers from 1 in random order.

    Attributes:
        url: where.
        rows: how many.
    """

    url: URL
    rows: int

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection that commits each statement by itself."""
        url = self.url.render_as_string(hide_password=False)
        with psycopg.connect(url, autocommit=True) as connection:
            yield connection


@dataclass
class Stage:
    """A server of the benchmarks' own, and what they were asked for.

    Attributes:
        server: the server.
        folder: what is written besides the server's data.
        rows: of stock.
        quick: whether only what CI guards is measured, with few rounds.
        dbt: the program; None where there is none.
        tell: gets a line for each thing that takes long.
    """

    server: PostgresServer
    folder: Path
    rows: int
    quick: bool
    dbt: str | None
    tell: Callable[[str], None]
    _shops: dict[str, Shop] = field(default_factory=dict)

    @property
    def legacy(self) -> Shop:
        """The shop before Phase 2, whose legacy tables are full; nobody writes to it."""
        return self._once(_LEGACY, lambda: build_legacy(self.server, _LEGACY, self.rows))

    def deployed(self, mode: Mode) -> Shop:
        """The shop with Phase 2 deployed and its metrics kept in a mode; vacuumed."""
        return vacuumed(self._once(str(mode), lambda: self._make(mode)))

    @property
    def production(self) -> Shop:
        """A shop as SoleFlip's was: Phase 2 deployed when the legacy tables were empty; vacuumed."""
        return vacuumed(
            self._once(
                "production",
                lambda: build_deployed(
                    self.server, "production", self.rows, Mode.MATERIALIZED, "production"
                ),
            )
        )

    @property
    def tenth(self) -> Shop:
        """A shop with a tenth of the rows, in incremental mode; vacuumed."""
        return vacuumed(
            self._once(
                "tenth",
                lambda: build_deployed(self.server, "tenth", self.rows // 10, Mode.INCREMENTAL),
            )
        )

    def copy(self, original: Shop, name: str) -> Shop:
        """A new database as another one is; nobody may be connected to that."""
        with self.administer() as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                    sql.Identifier(name), sql.Identifier(str(original.url.database))
                )
            )
        return Shop(self.server.url(name), original.rows)

    def drop(self, shop: Shop) -> None:
        """Give the room back."""
        with self.administer() as connection:
            connection.execute(
                sql.SQL("DROP DATABASE {} (FORCE)").format(sql.Identifier(str(shop.url.database)))
            )

    @contextmanager
    def twins(self) -> Iterator[dict[Mode, Shop]]:
        """The deployed shop in each mode that keeps rows, with the same pages of stock; dropped then.

        The two of ``deployed`` are not: what was measured on them before has left other room in their pages,
        and a write that finds room beside itself logs a third less.
        """
        original = self.deployed(Mode.MATERIALIZED)
        pair = {mode: self.copy(original, f"twin_{mode}") for mode in REFRESHED}
        for mode, shop in pair.items():
            keep(shop, mode)
            vacuumed(shop)
        yield pair
        for shop in pair.values():
            self.drop(shop)

    @contextmanager
    def setting(self, name: str, *, on: bool) -> Iterator[None]:
        """A setting of the server the other way round, for the length of the block."""
        change_setting(self.server, name, on=on)
        try:
            yield
        finally:
            change_setting(self.server, name, on=not on)

    @contextmanager
    def administer(self) -> Iterator[Connection]:
        """A connection to none of the shops."""
        with Shop(self.server.url("postgres"), 0).connect() as connection:
            yield connection

    @contextmanager
    def restarted(self) -> Iterator[None]:
        """The server restarted, for the length of the block."""
        self.server.stop()
        with self.server.running():
            yield

    @contextmanager
    def default_buffers(self) -> Iterator[None]:
        """The server with the shared_buffers that PostgreSQL comes with, for the length of the block."""
        ample = self.server.parameters["shared_buffers"]
        self.server.parameters["shared_buffers"] = DEFAULT_BUFFERS
        try:
            with self.restarted():
                yield
        finally:
            self.server.parameters["shared_buffers"] = ample
            self.server.stop()
            with self.server.running():
                pass

    def _once(self, name: str, make: Callable[[], Shop]) -> Shop:
        if name not in self._shops:
            self.tell(f"making the {name} shop")
            self._shops[name] = make()
        return self._shops[name]

    def _make(self, mode: Mode) -> Shop:
        before = self.legacy if mode is Mode.MATERIALIZED else self.deployed(Mode.MATERIALIZED)
        shop = self.copy(before, str(mode))
        keep(shop, mode)
        return shop


@contextmanager
def staged(
    rows: int, *, quick: bool, dbt: str | None, tell: Callable[[str], None]
) -> Iterator[Stage]:
    """A stage that lives as long as the block."""
    with (
        tempfile.TemporaryDirectory(prefix="soleflip-bench-") as folder,
        server_in(Path(folder)) as server,
    ):
        yield Stage(server, Path(folder), rows, quick, dbt, tell)
        # An orderly stop would write out what nobody will read.
        server.stop("immediate")


@contextmanager
def server_in(
    folder: Path, programs: Path = EMBEDDED_PROGRAMS, **parameters: str
) -> Iterator[PostgresServer]:
    """A server without autovacuum, which would come when it likes; where it matters, it is called."""
    folder.mkdir(exist_ok=True)
    folder.chmod(0o711)
    with PostgresServer(folder / "data", programs, PARAMETERS | parameters).running() as server:
        change_setting(server, "autovacuum", on=False)
        yield server


def change_setting(server: PostgresServer, name: str, *, on: bool) -> None:
    """Switch it on or off."""
    with Shop(server.url("postgres"), 0).connect() as connection:
        connection.execute(f"ALTER SYSTEM SET {name} = {'on' if on else 'off'}".encode())
        connection.execute("SELECT pg_reload_conf()")


def build_legacy(server: PostgresServer, name: str, rows: int, sample: Sample = "busy") -> Shop:
    """A shop before Phase 2, vacuumed, with its items numbered."""
    server.create_database(name)
    shop = Shop(server.url(name), rows)
    with create_database_engine(shop.url).begin() as connection:
        create_legacy_schema(connection)
        fill(connection, sample, rows=rows)
    with shop.connect() as connection:
        for statement in _ITEMS:
            connection.execute(statement.encode())
    return vacuumed(shop)


def build_deployed(
    server: PostgresServer, name: str, rows: int, mode: Mode, sample: Sample = "busy"
) -> Shop:
    """A shop with Phase 2 deployed and its metrics kept in a mode."""
    shop = build_legacy(server, name, rows, sample)
    keep(shop, mode)
    return shop


def keep(shop: Shop, mode: Mode) -> None:
    """Deploy Phase 2 if that is not done, and keep the metrics in a mode."""
    with Deployer(create_database_engine(shop.url), log=lambda _: None) as deployer:
        deploy(deployer)
        switch(deployer, mode)


def vacuumed(shop: Shop) -> Shop:
    """The same shop."""
    with shop.connect() as connection:
        connection.execute("VACUUM ANALYZE")
    return shop


def forget(folder: Path) -> bool:
    """Let the operating system drop what it caches of a folder's files, which must be written out.

    Returns:
        Whether it can be asked to; macOS cannot.
    """
    if not hasattr(os, "posix_fadvise"):
        return False
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return True


def free_gigabytes() -> float:
    """Room where the shops are made."""
    return shutil.disk_usage(tempfile.gettempdir()).free / 1e9
