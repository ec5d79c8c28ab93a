"""Production's services as processes, started from the files of deploy/, under a clock that can leap.

What systemd would do is done here: a unit's EnvironmentFile, ExecStartPre and ExecStart. Only where things
lie (/opt/soleflip, /var/lib/soleflip) and on which ports is the test's.
"""

import importlib.util
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
from sqlalchemy.engine import URL

from soleflip_assets.embedded.postgres import PostgresServer
from soleflip_assets.ground.settings import FILES
from tests.conftest import Databases, connect, open_folder
from tests.e2e.processes import awaited, clean_environment, free_port, graphql
from tests.proxy import Proxy, proxied

UNITS = FILES / "deploy" / "systemd"
SERVICES = ("code-server", "webserver", "viewers", "daemon")
HOURLY = "hourly_stock_metrics_refresh"

SCHEDULES = """
{ schedulesOrError(repositorySelector: {
    repositoryLocationName: "soleflip", repositoryName: "__repository__"
  }) { ... on Schedules { results { name scheduleState { id } } } }
}
"""
STOP = "mutation Stop($id: String!) { stopRunningSchedule(id: $id) { __typename } }"


def _clock_library() -> Path:
    """The library in the package, found without importing it. Debian's, of 2021, breaks Python's sleep."""
    package = importlib.util.find_spec("libfaketime")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "vendor" / "libfaketime" / "src" / "libfaketime.so.1"


_IMPATIENCE = Path(__file__).with_name("impatience")

Unit = Mapping[str, list[str]]


def read_unit(path: Path) -> Unit:
    """The settings of a unit; each may be there more than once."""
    settings: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        name, assigned, value = line.partition("=")
        if assigned and not line.startswith("#"):
            settings.setdefault(name, []).append(value)
    return settings


def service(name: str) -> Unit:
    """The unit of a service."""
    return read_unit(UNITS / f"soleflip-{name}.service")


def read_environment(path: Path) -> dict[str, str]:
    """The variables of an environment file, as systemd and compose read them."""
    lines = (line for line in path.read_text().splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


class Clock:
    """The clock of the processes that are started with its variables; it runs as ours does, and leaps.

    They notice within a second.

    Args:
        folder: where everybody can read.
        start: what time it shall be.
    """

    def __init__(self, folder: Path, start: datetime) -> None:
        self._file = folder / "clock"
        self.leap_to(start)

    @property
    def variables(self) -> dict[str, str]:
        """The environment of a process that lives by it."""
        return {
            "LD_PRELOAD": str(_clock_library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            # Read once a second, not at each look: two threads that read at once now and then find no file
            # and see the true time, 572 times in 900,000 looks of eight threads; so, never in 48 million.
            "FAKETIME_CACHE_DURATION": "0",
            # Who waits for ten seconds waits for ten real ones.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            # The library forgets that where a thread waits for Python's lock, at most its switch interval of
            # 5 ms: it waits not at all, over and over. Threads then took 3 to 4 times the CPU time.
            "FAKETIME_WAIT_MS": "5",
        }

    def now(self) -> datetime:
        """What time it is."""
        return datetime.now(UTC) + self._ahead

    @contextmanager
    def set_here(self) -> Iterator[None]:
        """For what the block starts, the environment of this process is the clock's."""
        before = dict(os.environ)
        os.environ.update(self.variables)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)

    def leap_to(self, moment: datetime) -> None:
        """Let all time until then pass at once."""
        self._ahead = moment - datetime.now(UTC)
        new = self._file.with_suffix(".new")
        new.write_text(f"{self._ahead.total_seconds():+f}\n")
        new.chmod(0o644)
        new.replace(self._file)


class Topology:
    """The services, each a process that can be killed and started alone.

    Args:
        folder: for their state and what they write to the terminal.
        database: SoleFlip's.
        storage: Dagster's.
        clock: that they live by.
    """

    def __init__(self, folder: Path, database: URL, storage: URL, clock: Clock) -> None:
        self.folder = folder
        self.clock = clock
        self.home = folder / "home"
        (self.home / "dagster").mkdir(parents=True)
        self.ports = {name: free_port() for name in ("code-server", "webserver", "viewers")}
        self.variables = {
            "SOLEFLIP_HOME": str(self.home),
            "DAGSTER_HOME": str(self.home / "dagster"),
            "DAGSTER_CODE_SERVER_PORT": str(self.ports["code-server"]),
            "DAGSTER_WEBSERVER_PORT": str(self.ports["webserver"]),
            "SOLEFLIP_DATABASE_URL": database.render_as_string(hide_password=False),
            "DAGSTER_POSTGRES_URL": storage.set(drivername="postgresql+psycopg2").render_as_string(
                hide_password=False
            ),
        }
        self.settings: dict[str, str] = {}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def environment(self, name: str) -> dict[str, str]:
        """What a service's environment files set, with the test's values."""
        files = [Path(file).name for file in service(name)["EnvironmentFile"]]
        meant: dict[str, str] = {}
        for file in files:
            meant |= read_environment(FILES / "deploy" / f"{file}.example")
        if "SOLEFLIP_DATABASE_URL" in meant:
            meant |= self.settings
        # Behind what was there: these tests may be of another checkout than the one that is installed.
        paths = (os.environ.get("PYTHONPATH", ""), str(_IMPATIENCE))
        path = os.pathsep.join(filter(None, paths))
        return clean_environment(**self.clock.variables, PYTHONPATH=path) | {
            name: self.variables.get(name, value) for name, value in meant.items()
        }

    def start(self, name: str) -> None:
        """Start a service as its unit says."""
        unit, environment = service(name), self.environment(name)
        for command in unit.get("ExecStartPre", []):
            subprocess.run(self._arguments(command), env=environment, check=True)
        (command,) = unit["ExecStart"]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                self._arguments(command),
                env=environment,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self, name: str) -> None:
        """End a service and all that it started, as a crash of its machine would."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def health(self, component: str, *options: str) -> subprocess.CompletedProcess[str]:
        """What `soleflip health` says, in the environment of the code server, which has all variables."""
        return subprocess.run(
            [Path(sys.executable).with_name("soleflip"), "health", component, *options],
            env=self.environment("code-server"),
            capture_output=True,
            text=True,
            check=False,
        )

    def await_health(self, component: str, *options: str, seconds: float = 60) -> None:
        """Wait until it says that all is well; each look is a process, of 0.7 CPU seconds."""
        awaited(lambda: self.health(component, *options).returncode == 0, seconds, pause=2)

    def end(self) -> None:
        """Kill whatever still runs."""
        for name in list(self.processes):
            self.kill(name)

    def _arguments(self, command: str) -> list[str]:
        """A unit's command, where things lie here."""
        here = {
            "/opt/soleflip/.venv/bin/": f"{Path(sys.executable).parent}/",
            "/opt/soleflip/": f"{FILES}/",
            "/var/lib/soleflip/": f"{self.home}/",
            "--port 3001": f"--port {self.ports['viewers']}",
        }
        for there, path in here.items():
            command = command.replace(there, path)
        return shlex.split(command)


@dataclass
class Production:
    """All of it, and the clock on its wall; the proxy through which the services reach their databases."""

    topology: Topology
    databases: Databases
    database: URL
    storage: URL
    clock: Clock
    proxy: Proxy
    stack: ExitStack

    @property
    def server(self) -> PostgresServer:
        return self.databases.server

    def stop(self, name: str) -> None:
        if name == "database":
            self.server.stop("immediate")
        else:
            self.topology.kill(name)

    def start(self, name: str) -> None:
        if name != "database":
            self.topology.start(name)
            return
        with self.clock.set_here():
            self.stack.enter_context(self.server.running())

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """SoleFlip's database lets nobody in, for the length of the block; Dagster's storage goes on."""
        name = str(self.database.database)
        with connect(self.storage) as administrator:
            administrator.exec_driver_sql(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            administrator.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
            )
            yield
            administrator.exec_driver_sql(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')

    def runs(self) -> list[psutil.Process]:
        """The processes that execute runs: the code server's, one for each."""
        server = psutil.Process(self.topology.processes["code-server"].pid)
        return [process for process in server.children(recursive=True) if _is_run(process)]

    def refreshes(self) -> list[datetime]:
        """The hour of each refresh after the deployment's."""
        with connect(self.database) as connection:
            moments = connection.exec_driver_sql(
                "SELECT started_at FROM inventory_ops.metrics_refresh ORDER BY id OFFSET 1"
            ).scalars()
            return [hour_of(moment) for moment in moments]

    def unfinished(self) -> int:
        with connect(self.storage) as connection:
            return int(
                connection.exec_driver_sql(
                    "SELECT count(*) FROM runs WHERE status NOT IN ('SUCCESS', 'FAILURE', 'CANCELED')"
                ).scalar_one()
            )

    def await_refresh(self, hour: datetime) -> None:
        """Until the refresh of an hour is done, and Dagster knows it."""
        awaited(lambda: hour in self.refreshes() and not self.unfinished(), 150, pause=0.5)


def _is_run(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return "--multiprocessing-fork" in process.cmdline()
    return False


@contextmanager
def running_production(
    start: datetime,
    programs: Path,
    keep: Collection[str],
    *,
    variables: Mapping[str, str] | None = None,
    settings: Mapping[str, str] | None = None,
    disk: Path | None = None,
) -> Iterator[Production]:
    """All services on a shop of their own, for the length of the block.

    Args:
        start: what time it shall be.
        programs: PostgreSQL's.
        keep: the schedules that are left on.
        variables: of the environment files, where they are to be others.
        settings: of the code server, which its files leave at their defaults.
        disk: the folder of all that they write, if not a temporary one.
    """
    with nullcontext(disk) if disk else open_folder() as folder, ExitStack() as stack:
        clock = Clock(folder, start)
        server = PostgresServer(folder / "data", programs, {"fsync": "off"})
        with clock.set_here():
            stack.enter_context(server.running())
        databases = Databases(server)
        database, storage = databases.deployed("production"), databases.empty()
        proxy = Proxy(server.data / ".s.PGSQL.5432")
        stack.callback(proxy.close)
        topology = Topology(folder, proxied(database, proxy), proxied(storage, proxy), clock)
        topology.variables |= variables or {}
        topology.settings |= settings or {}
        stack.callback(server.stop, "immediate")
        stack.callback(topology.end)
        for name in ("code-server", "webserver", "viewers"):
            topology.start(name)
        topology.await_health("webserver", "--ready", seconds=150)
        _stop_schedules(topology.ports["webserver"], keep)
        topology.start("daemon")
        topology.await_health("daemon", "--ready", seconds=150)
        awaited(lambda: all(_is_known(storage, schedule) for schedule in keep), 150)
        yield Production(topology, databases, database, storage, clock, proxy, stack)


def _stop_schedules(port: int, keep: Collection[str]) -> None:
    for schedule in graphql(port, SCHEDULES)["schedulesOrError"]["results"]:
        if schedule["name"] not in keep:
            stopped = graphql(port, STOP, id=schedule["scheduleState"]["id"])
            assert stopped["stopRunningSchedule"]["__typename"] == "ScheduleStateResult"


def _is_known(storage: URL, schedule: str) -> bool:
    """Whether the scheduler has seen the schedule: it makes up for no tick of before."""
    with connect(storage) as connection:
        return bool(
            connection.exec_driver_sql(
                "SELECT count(*) FROM instigators WHERE status = 'DECLARED_IN_CODE'"
                " AND instigator_body LIKE %s",
                (f"%{schedule}%",),
            ).scalar_one()
        )


def hour_of(moment: datetime) -> datetime:
    """The full hour before."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
