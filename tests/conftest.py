"""What all tests share: real PostgreSQL servers, and databases made from templates in milliseconds."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import NoReturn
from zlib import crc32

import psycopg
import pytest
from dagster_postgres import DagsterPostgresStorage
from psycopg import sql
from sqlalchemy import Connection, Engine
from sqlalchemy.engine import URL
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.embedded.postgres import EMBEDDED_PROGRAMS, PostgresServer
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.ground.settings import Sample
from soleflip_assets.metrics.mode import Mode, switch
from soleflip_assets.phase2.steps import deploy
from soleflip_assets.sample.sample import create_legacy_schema, fill


class ByFolder(LoadFileScheduling):  # type: ignore[misc]
    """Gives a file's tests to one worker, and those of a folder of tests/e2e, which share what is running.

    Not loadgroup, whose groups xdist 3.8 loses under pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = PurePosixPath(nodeid.split("::", maxsplit=1)[0])
        return "/".join(path.parts[:3]) if path.parts[:2] == ("tests", "e2e") else str(path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFolder:
    """How the tests are spread over workers."""
    return ByFolder(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave each test the versions of PostgreSQL on which it runs.

    In several workers, begin with the longest: one would work on alone.
    """
    other = on_the_other_version(items) if _takes_turns(config) else set()
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid in other])
    items[:] = [item for item in items if item.nodeid not in other]
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: _place(item.nodeid))


def _place(nodeid: str) -> int:
    """When a test's turn comes: where its file is in _LONGEST, and unit tests, which are short, last."""
    longest = (place for place, name in enumerate(_LONGEST) if nodeid.startswith(name))
    return next(longest, len(_LONGEST) + nodeid.startswith("tests/unit"))


def _takes_turns(config: pytest.Config) -> bool:
    """Whether nobody asks for both versions, or for a test by its name."""
    named = any("::" in argument for argument in config.args)
    return not named and os.environ.get("VERSIONS") != "both"


def on_the_other_version(items: list[pytest.Item]) -> set[str]:
    """Of the tests that are drawn for both versions, which to leave out: each runs on one of them.

    The cases of a file take turns, in the order of a hash, so that no parameter stays with a version.
    """
    files: dict[Path, dict[str, dict[str, str]]] = {}
    for item in items:
        drawn = getattr(item, "callspec", None)
        version = drawn.params.get(_EACH_VERSION) if drawn else None
        if version and not item.get_closest_marker("both_versions"):
            parts = item.name.strip("]").replace("[", "-", 1).split("-")
            parts.remove(version)
            files.setdefault(item.path, {}).setdefault("-".join(parts), {})[version] = item.nodeid
    left_out = set()
    for path, cases in files.items():
        turn = crc32(path.name.encode())
        for case in sorted(cases, key=lambda case: crc32(case.encode())):
            turn += 1
            left_out.add(cases[case][VERSIONS[turn % 2]])
    return left_out


# The modes in which the view is as old as its last refresh. The third, a view of stock itself, is tried where
# modes are what a test is about; elsewhere it is one query more over stock.
REFRESHED = (Mode.MATERIALIZED, Mode.INCREMENTAL)

# What takes a worker a minute and more; tests/e2e for its many processes.
_LONGEST = (
    "tests/e2e/test_topology.py",
    "tests/e2e/up/",
    "tests/e2e/",
    "tests/upgrades/",
    "tests/integration/test_roles.py",
)

VERSIONS = ("18", "15")
_EACH_VERSION = "databases_of_each_version"

_PROGRAMS = {"18": EMBEDDED_PROGRAMS, "15": Path("/usr/lib/postgresql/15/bin")}
_NUMBERS = itertools.count()
_MEMORY = Path("/dev/shm")  # noqa: S108 - each folder in it is made new, by tempfile
_ROOM = 4 * 2**30


class Databases:
    """Databases on one server, each made from a template: a shop, before Phase 2 or after, or Dagster's."""

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self.copies: list[str] = []
        self._templates: set[str] = set()

    def legacy(self, sample: Sample) -> URL:
        """A new database as it is before Phase 2."""
        return self.made(f"legacy_{sample}", lambda engine: _fill(engine, sample))

    def deployed(self, sample: Sample, mode: Mode = Mode.MATERIALIZED) -> URL:
        """A new database with Phase 2 deployed; its view is kept in a mode."""
        return self.made(f"{mode}_{sample}", lambda engine: deployed_in(engine, sample, mode))

    def dagster(self) -> URL:
        """A new database with Dagster's tables."""
        return self.made("dagster", _make_dagsters_tables)

    def empty(self) -> URL:
        """A new database with nothing in it."""
        name = self._next_name()
        self.server.create_database(name)
        return self.server.url(name)

    def made(self, template: str, build: Callable[[Engine], None]) -> URL:
        """A new database that somebody knows how to build, which is done once a server.

        Args:
            template: its name among the others on the server.
            build: fills an empty one.
        """
        if template not in self._templates:
            self.server.create_database(template)
            engine = create_database_engine(self.server.url(template))
            build(engine)
            engine.dispose()
            self._templates.add(template)
        return self.copy(self.server.url(template))

    def copy(self, original: URL) -> URL:
        """A new database as another one is now; nobody may be connected to that."""
        name = self._next_name()
        with self._administrator() as connection:
            connection.execute(
                # Files, not blocks through the WAL, which costs the server twice as much.
                sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                    sql.Identifier(name), sql.Identifier(str(original.database))
                )
            )
        return self.server.url(name)

    def drop(self, names: list[str]) -> None:
        """Drop copies, whoever is connected to them."""
        for name in names:
            self.copies.remove(name)
            # Many a test stops its server, or drops its database or makes it a template itself.
            with suppress(psycopg.Error), self._administrator() as connection:
                connection.execute(
                    sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
                )

    def _next_name(self) -> str:
        name = f"test_{next(_NUMBERS)}"
        self.copies.append(name)
        return name

    def _administrator(self) -> psycopg.Connection:
        url = self.server.url("postgres").render_as_string(hide_password=False)
        return psycopg.connect(url, autocommit=True)


_RUNNING: list[Databases] = []


def _fill(engine: Engine, sample: Sample) -> None:
    with engine.begin() as connection:
        create_legacy_schema(connection)
        fill(connection, sample)


def deployed_in(engine: Engine, sample: Sample, mode: Mode) -> None:
    """Make an empty database a shop with Phase 2 deployed."""
    _fill(engine, sample)
    with Deployer(engine, log=lambda _: None) as deployer:
        deploy(deployer)
        switch(deployer, mode)


def _make_dagsters_tables(engine: Engine) -> None:
    url = engine.url.set(drivername="postgresql+psycopg2")
    DagsterPostgresStorage(url.render_as_string(hide_password=False))


@contextmanager
def open_folder(parent: Path | None = None) -> Iterator[Path]:
    """A temporary folder that PostgreSQL's own account can enter, as which it runs for root.

    pytest's folders are closed to everybody else.
    """
    with tempfile.TemporaryDirectory(prefix="soleflip-", dir=parent) as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


def missing(what: str, remedy: str) -> NoReturn:
    """Skip what needs something that is not here; where CI is set, fail."""
    if os.environ.get("CI"):
        pytest.fail(f"CI must have {what}")
    pytest.skip(f"there is no {what}: {remedy}")


def _require(path: Path, package: str) -> None:
    """See that a file of a Debian package is there."""
    if not path.exists():
        missing(str(path), f"apt-get install {package}")


def program(name: str, package: str) -> str:
    """Where a program of a Debian package is."""
    return shutil.which(name) or missing(name, f"apt-get install {package}")


def programs_of(version: str) -> Path:
    """The folder of a version's programs."""
    _require(_PROGRAMS[version], f"postgresql-{version}")
    return _PROGRAMS[version]


def _memory() -> Path | None:
    """Where files are in memory, if it has room: a database is copied in 10 ms, on a disk in 40 to 120."""
    return _MEMORY if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM else None


def running_databases(version: str, **settings: str) -> Iterator[Databases]:
    """A server of a version that ends with the iteration, and its databases."""
    programs = programs_of(version)
    # Nothing here outlives the tests: fsync only costs time, and so does autovacuum, which goes round
    # all databases every minute.
    parameters = {
        "fsync": "off",
        "autovacuum": "off",
        "max_connections": "300",
        "max_prepared_transactions": "20",
        "max_wal_size": "256MB",
        **settings,
    }
    with (
        open_folder(_memory()) as folder,
        PostgresServer(folder / "data", programs, parameters).running() as server,
    ):
        databases = Databases(server)
        _RUNNING.append(databases)
        yield databases
        _RUNNING.remove(databases)
        # An orderly stop writes out databases that nobody will read: 3 to 30 s.
        server.stop("immediate")


@pytest.fixture(autouse=True)
def _databases_of_a_test_go_with_it() -> Iterator[None]:
    """Drop what one test made; what a module or the session shares was made before this fixture and stays."""
    before = {id(databases): len(databases.copies) for databases in _RUNNING}
    yield
    for databases in _RUNNING:
        databases.drop(databases.copies[before.get(id(databases), 0) :])


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """Databases on the embedded server, PostgreSQL 18."""
    yield from running_databases("18")


@pytest.fixture(scope="session")
def databases_15() -> Iterator[Databases]:
    """Databases on the oldest server that is supported, Debian's PostgreSQL 15."""
    yield from running_databases("15")


@pytest.fixture(scope="session")
def databases_pg_cron() -> Iterator[Databases]:
    """Databases on Debian's PostgreSQL 15 with pg_cron, which keeps its jobs in the database ``shop``."""
    _require(_PROGRAMS["15"].parent / "lib" / "pg_cron.so", "postgresql-15-cron")
    settings = {
        "shared_preload_libraries": "pg_cron",
        "cron.database_name": "shop",
        # It would connect by TCP, where this server does not listen.
        "cron.use_background_workers": "on",
    }
    yield from running_databases("15", **settings)


@pytest.fixture(scope="module", params=VERSIONS)
def databases_of_each_version(request: pytest.FixtureRequest) -> Databases:
    """Databases on the newest or on the oldest supported server.

    A test runs on one of the two; on both where it has the marker ``both_versions``, is named on the command
    line, or VERSIONS is ``both``.
    """
    name = {"18": "databases", "15": "databases_15"}[request.param]
    found = request.getfixturevalue(name)
    assert isinstance(found, Databases)
    return found


def connect(url: URL) -> Connection:
    """A connection on which each statement is a transaction of its own."""
    return create_database_engine(url).connect().execution_options(isolation_level="AUTOCOMMIT")
