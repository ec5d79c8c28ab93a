"""The hourly run as Dagster executes it: how much of it is ours, connections, memory.

In a process of its own, as `soleflip refresh` does it, and launched by the daemon, as the schedule does.
PostgreSQL's log tells how long each session lasted: while one to the shop is open, our code is at work.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.harness import middle, table
from benchmarks.results import Section
from benchmarks.shop import Shop, Stage
from soleflip_assets.metrics.mode import Mode

ROUNDS = 3
_DAGSTER = "dagster"
_SESSION = re.compile(r"disconnection: session time: (\d+):(\d+):([\d.]+) user=\S+ database=(\S+)")
_LAUNCH = """
mutation {
  launchRun(executionParams: {
    selector: {
      repositoryLocationName: "soleflip", repositoryName: "__repository__", jobName: "refresh_stock_metrics"
    }
  }) { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } }
}
"""
_RUN = """
query Run($id: ID!) { runOrError(runId: $id) { ... on Run { status creationTime startTime endTime } } }
"""


@dataclass(frozen=True)
class Hour:
    """One run.

    Attributes:
        seconds: of the whole: from the command or the launch to the end.
        ours: seconds in which a session to the shop was open.
        shop_sessions: connections to the shop.
        dagster_sessions: connections to Dagster's storage that ended meanwhile.
        megabytes: the most memory that the run's process held.
    """

    seconds: float
    ours: float
    shop_sessions: int
    dagster_sessions: int
    megabytes: float


def run(stage: Stage) -> Section:
    """Measure, in incremental mode, so that the database's part is small whatever the size."""
    shop = stage.deployed(Mode.INCREMENTAL)
    stage.server.create_database(_DAGSTER)
    home = stage.folder / "home"
    home.mkdir(mode=0o711)
    environment = _environment(stage, shop, home)
    stage.tell("hourly: soleflip refresh")
    _command(stage, shop, environment)
    command = [_command(stage, shop, environment) for _ in range(ROUNDS)]
    stage.tell("hourly: soleflip up")
    with _up(environment) as port:
        _launched(stage, shop, port)
        stage.tell("hourly: launched by the daemon")
        launched = [_launched(stage, shop, port) for _ in range(ROUNDS)]
        idle = _idle_megabytes(home)
    rows = [_row("`soleflip refresh`", command), _row("launched by the daemon", launched)]
    header = [
        "run",
        "s",
        "of them ours, s",
        "connections to the shop",
        "to Dagster's storage",
        "memory, MB",
    ]
    memory = ", ".join(f"{name} {megabytes:,.0f}" for name, megabytes in idle.items())
    text = (
        f"`refresh_stock_metrics` with its checks, incremental mode, {ROUNDS} rounds. Ours is the time in "
        "which a session to the shop was open (PostgreSQL's log of disconnections); the rest is Python "
        "starting, Dagster loading the code and recording events. The daemon's run counts from its launch, "
        "the time in Dagster's queue included; sessions of Dagster's storage are those that ended meanwhile, "
        "whoever's.\n\n"
    )
    after = f"\n\nMemory of what `soleflip up` keeps running, in MB: {memory}."
    return Section("Hourly run", text + table(header, rows) + after, {})


def _row(name: str, hours: list[Hour]) -> list[str]:
    return [
        name,
        middle([hour.seconds for hour in hours]),
        middle([hour.ours for hour in hours]),
        str(max(hour.shop_sessions for hour in hours)),
        str(max(hour.dagster_sessions for hour in hours)),
        f"{max(hour.megabytes for hour in hours):,.0f}",
    ]


def _environment(stage: Stage, shop: Shop, home: Path) -> dict[str, str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SOLEFLIP_", "DAGSTER_", "PORT"))
    }
    return inherited | {
        "SOLEFLIP_HOME": str(home),
        "SOLEFLIP_DATABASE_URL": shop.url.render_as_string(hide_password=False),
        "DAGSTER_POSTGRES_URL": stage.server.url(_DAGSTER).render_as_string(hide_password=False),
    }


def _command(stage: Stage, shop: Shop, environment: dict[str, str]) -> Hour:
    """A refresh by the command line."""
    with _sessions(stage) as sessions:
        begun = time.perf_counter()
        command = [sys.executable, "-m", "soleflip_assets", "refresh"]
        with _memory_of(lambda process: command[1:] == process.cmdline()[1:]) as megabytes:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, check=False
            )
        seconds = time.perf_counter() - begun
    if done.returncode != 0:
        raise RuntimeError(f"soleflip refresh failed: {done.stderr}")
    return _hour(seconds, sessions, shop, max(megabytes))


def _launched(stage: Stage, shop: Shop, port: int) -> Hour:
    """A refresh by the daemon."""
    with (
        _sessions(stage) as sessions,
        _memory_of(lambda process: "execute_run" in process.cmdline()) as megabytes,
    ):
        launched = _graphql(port, _LAUNCH)["launchRun"]
        run_id = launched["run"]["runId"]
        while not (found := _graphql(port, _RUN, id=run_id)["runOrError"])["endTime"]:
            time.sleep(0.25)
    if found["status"] != "SUCCESS":
        raise RuntimeError(f"the launched run ended as {found['status']}")
    return _hour(found["endTime"] - found["creationTime"], sessions, shop, max(megabytes))


def _hour(seconds: float, sessions: list[tuple[str, float]], shop: Shop, megabytes: float) -> Hour:
    ours = [length for database, length in sessions if database == shop.url.database]
    dagsters = [length for database, length in sessions if database == _DAGSTER]
    return Hour(seconds, sum(ours), len(ours), len(dagsters), megabytes)


@contextmanager
def _sessions(stage: Stage) -> Iterator[list[tuple[str, float]]]:
    """Database and seconds of the sessions that end during the block, and shortly after it."""
    found: list[tuple[str, float]] = []
    with (stage.server.data / "server.log").open() as log:
        log.seek(0, os.SEEK_END)
        yield found
        # The process of a run ends after its run.
        time.sleep(1)
        for hours, minutes, seconds, database in _SESSION.findall(log.read()):
            found.append((database, 3600 * int(hours) + 60 * int(minutes) + float(seconds)))


@contextmanager
def _memory_of(wanted: Any) -> Iterator[list[float]]:
    """Megabytes of a process that comes and goes during the block, each time it was looked at."""
    found = [0.0]
    ended = threading.Event()

    def look() -> None:
        process: psutil.Process | None = None
        while not ended.wait(0.05):
            try:
                process = process or next(filter(_ours(wanted), psutil.process_iter()), None)
                if process:
                    found.append(process.memory_info().rss / 1e6)
            except psutil.Error:  # gone
                process = None

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def _ours(wanted: Any) -> Any:
    def check(process: psutil.Process) -> bool:
        try:
            return bool(wanted(process))
        except psutil.Error:  # somebody else's, or gone
            return False

    return check


@contextmanager
def _up(environment: dict[str, str]) -> Iterator[int]:
    """`soleflip up` on the shop, for the length of the block.

    Yields:
        Its port.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "soleflip_assets", "up", "--port", str(port)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("http"):
                break
        else:
            raise RuntimeError(f"soleflip up ended: {''.join(lines)}")
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def _idle_megabytes(home: Path) -> dict[str, float]:
    """Of each process that works for a state folder, by what it is."""
    found: dict[str, float] = {}
    for process in psutil.process_iter():
        try:
            if process.environ().get("SOLEFLIP_HOME") == str(home):
                name = " ".join(Path(part).name for part in process.cmdline()[1:4])
                found[name] = found.get(name, 0) + process.memory_info().rss / 1e6
        except psutil.Error:  # somebody else's, or gone
            continue
    return found


def _graphql(port: int, query: str, **variables: object) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        data=json.dumps({"query": query, "variables": variables}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310 our own address
        answer = json.load(response)
    if "errors" in answer:
        raise RuntimeError(f"Dagster answered {answer['errors']}")
    return answer["data"]
