"""Runs on Celery workers, as deploy/celery/dagster.yaml says: a broker of the test's own, workers, services.

Here: starting and killing. Not here: what must come of it, which is test_celery.py's.
"""

import os
import shlex
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psutil
from sqlalchemy.engine import URL

from soleflip_assets.ground.settings import FILES
from tests.conftest import program
from tests.e2e.processes import awaited, clean_environment, free_port
from tests.e2e.topology import Clock, Topology

CONFIGURATION = FILES / "deploy" / "celery" / "dagster.yaml"


def worker_command() -> str:
    """The one that the head of the configuration tells."""
    lines = [line.removeprefix("#").strip() for line in CONFIGURATION.read_text().splitlines()]
    (first,) = (number for number, line in enumerate(lines) if line.startswith("celery --app"))
    return lines[first].removesuffix("\\") + lines[first + 1]


class _TrueClock(Clock):
    """Ours: nothing here waits for another hour."""

    @property
    def variables(self) -> dict[str, str]:
        return {}


class Cluster(Topology):
    """The services whose runs are tasks of Celery, and workers.

    Args:
        folder: for their state and what they write to the terminal.
        database: SoleFlip's.
        storage: Dagster's; what became of each task is kept there, too.
        broker: RabbitMQ's URL.
    """

    def __init__(self, folder: Path, database: URL, storage: URL, broker: str) -> None:
        super().__init__(folder, database, storage, _TrueClock(folder, datetime.now(UTC)))
        backend = storage.set(drivername="db+postgresql+psycopg2")
        self.celery = {
            "SOLEFLIP_CELERY_BROKER": broker,
            "SOLEFLIP_CELERY_BACKEND": backend.render_as_string(hide_password=False),
        }

    def environment(self, name: str) -> dict[str, str]:
        return super().environment(name) | self.celery

    def start_worker(self, name: str) -> None:
        """Start one; its tasks run in processes of its group."""
        environment = self.environment("code-server")
        command = os.path.expandvars(worker_command())
        for variable, value in self.celery.items():
            command = command.replace(f"${variable}", value)
        arguments = shlex.split(command)
        arguments[0] = str(Path(self._arguments("/opt/soleflip/.venv/bin/celery")[0]))
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [*arguments, "--hostname", f"{name}@%h"],
                env=environment,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def worker_of(self, pid: int) -> str | None:
        """The worker that a process belongs to; None if it is no worker's any more."""
        try:
            parents = {pid, *(parent.pid for parent in psutil.Process(pid).parents())}
        except psutil.NoSuchProcess:
            return None
        names = (name for name, process in self.processes.items() if process.pid in parents)
        return next(names, None)

    def _arguments(self, command: str) -> list[str]:
        ours = command.replace("/opt/soleflip/dagster.yaml", f"{CONFIGURATION}")
        return super()._arguments(ours)


@contextmanager
def running_broker(folder: Path) -> Iterator[str]:
    """Debian's RabbitMQ with its data in a folder, on the loopback interface; its URL."""
    program("rabbitmq-server", "rabbitmq-server")
    ports = {name: str(free_port()) for name in ("node", "distribution", "names")}
    environment = clean_environment(
        HOME=str(folder),
        RABBITMQ_NODENAME="soleflip@localhost",
        RABBITMQ_NODE_IP_ADDRESS="127.0.0.1",
        RABBITMQ_NODE_PORT=ports["node"],
        RABBITMQ_DIST_PORT=ports["distribution"],
        RABBITMQ_MNESIA_BASE=str(folder / "mnesia"),
        RABBITMQ_LOG_BASE=str(folder / "log"),
        ERL_EPMD_PORT=ports["names"],
        ERL_EPMD_ADDRESS="127.0.0.1",
    )
    # Erlang would start this by itself, as a daemon that stays.
    names = subprocess.Popen(
        ["epmd", "-address", "127.0.0.1", "-port", ports["names"]], stdin=subprocess.DEVNULL
    )
    with (folder / "rabbitmq.log").open("ab") as log:
        server = subprocess.Popen(
            ["/usr/lib/rabbitmq/bin/rabbitmq-server"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        awaited(
            lambda: b"Starting broker... completed" in (folder / "rabbitmq.log").read_bytes(), 120
        )
        yield f"pyamqp://guest@127.0.0.1:{ports['node']}//"
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        names.kill()
        names.wait()
