"""``soleflip up``: the deployment, then the UI and the daemon, until somebody says stop.

A supervisor of its own and not ``dagster dev``, which was seen to survive a SIGTERM. Each child leads a
session of its own, so that a Ctrl-C in the terminal reaches only this process, which then stops all of them
in order.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soleflip_assets.commands.environment import Environment
from soleflip_assets.ground.errors import ConfigurationError
from soleflip_assets.ground.private_files import private_file, private_folder
from soleflip_assets.ground.settings import FILES, UI_URL

Tell = Callable[[str], None]

_HOST = "127.0.0.1"
_READY_WITHIN_SECONDS = 180
# Time for a run to end its step: a refresh takes seconds, and is one transaction.
_STOP_WITHIN_SECONDS = 20
_KILL_AFTER_SECONDS = 5

# The page that shows all assets at once: the global lineage folds them up by group.
_LINEAGE = "/assets/inventory/stock_metrics_view?view=lineage&lineageScope=neighbors&lineageDepth=9"

_READINESS = """
{
  workspaceOrError {
    ... on Workspace {
      locationEntries { loadStatus locationOrLoadError { ... on PythonError { message } } }
    }
  }
  instance { daemonHealth { daemonStatus(daemonType: "SCHEDULER") { healthy } } }
}
"""


class StartupError(Exception):
    """A process did not come up, or ended by itself; the message says where its log is."""


def require_free_port(port: int) -> None:
    """Make sure that the UI can listen.

    Raises:
        ConfigurationError: somebody else does.
    """
    with socket.socket() as probe:
        # As the webserver will: a port in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            raise ConfigurationError(
                f"Port {port} is taken: stop what listens there, or choose another with --port or PORT."
            ) from None


@dataclass(frozen=True)
class Child:
    """A process of ours, the leader of its session and process group.

    Attributes:
        name: what it is.
        process: the handle.
        log: where its output goes.
    """

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def require_alive(self) -> None:
        """Raise StartupError if it has ended."""
        if self.process.poll() is not None:
            raise StartupError(
                f"The {self.name} ended by itself (exit code {self.process.returncode}): see {self.log}."
            )

    def ask_to_end(self) -> None:
        """Send SIGTERM, unless it has ended."""
        if self.process.poll() is None:
            self.process.terminate()

    def end(self) -> None:
        """Wait for its end, then see to it that it and all it started are gone."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(_STOP_WITHIN_SECONDS)
        # What it started is in its group, and may outlive it.
        for number in (signal.SIGTERM, signal.SIGKILL):
            # ESRCH: nobody is left; macOS says EPERM of a group of zombies.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)
            if self._group_is_gone_within(_KILL_AFTER_SECONDS):
                return

    def _group_is_gone_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.process.poll()
            try:
                os.killpg(self.process.pid, 0)
            except (ProcessLookupError, PermissionError):
                return True
            time.sleep(0.05)
        return False


def serve(environment: Environment, port: int, tell: Tell) -> int:
    """Deploy if the database is ours, then serve until a signal arrives.

    Args:
        environment: prepared; its variables are inherited by the processes started here.
        port: of the UI.
        tell: gets the lines for the terminal; the last one before the wait is the URL.

    Returns:
        The exit code: 0 after Ctrl-C or SIGTERM, 1 when the deployment or a process failed.
    """
    logs = private_folder(environment.settings.home / "logs")
    # Alerts link to it; behind a proxy it has another name.
    if "ui_url" not in environment.settings.model_fields_set:
        os.environ[UI_URL] = f"http://{_HOST}:{port}"
    stopping = threading.Event()
    children: list[Child] = []
    with _signals_set(stopping):
        try:
            if environment.embedded and not _deployed(stopping, tell):
                return 0 if stopping.is_set() else 1
            children += [_start_webserver(port, logs), _start_daemon(logs)]
            _await_readiness(children, port, stopping)
            if not stopping.is_set():
                tell(f"The lineage: http://{_HOST}:{port}{_LINEAGE}")
                tell("Ctrl-C stops it. The UI:")
                tell(f"http://{_HOST}:{port}")
            while not stopping.wait(1.0):
                for child in children:
                    child.require_alive()
        except StartupError as error:
            tell(f"soleflip: {error}")
            return 1
        finally:
            _stop(children)
    return 0


def _stop(children: list[Child]) -> None:
    """End them side by side: each takes seconds."""
    for child in children:
        child.ask_to_end()
    for child in children:
        child.end()


@contextmanager
def _signals_set(stopping: threading.Event) -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal ask for the end; they interrupt nothing."""
    asked = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, lambda *_: stopping.set()) for number in asked]
    try:
        yield
    finally:
        for number, handler in zip(asked, before, strict=True):
            signal.signal(number, handler)


def _deployed(stopping: threading.Event, tell: Tell) -> bool:
    """Run ``soleflip deploy``, its progress on our terminal.

    Returns:
        Whether it succeeded.
    """
    tell("Deploying Phase 2")
    deploy = subprocess.Popen(
        [sys.executable, "-m", "soleflip_assets", "deploy"], start_new_session=True
    )
    child = Child("deployment", deploy, Path(os.devnull))
    while deploy.poll() is None:
        if stopping.wait(0.1):
            _stop([child])
    return deploy.returncode == 0


def _start_webserver(port: int, logs: Path) -> Child:
    webserver = (sys.executable, "-m", "soleflip_assets.commands.webserver")
    return _start("webserver", logs, *webserver, "--host", _HOST, "--port", str(port))


def _start_daemon(logs: Path) -> Child:
    return _start("daemon", logs, "dagster-daemon", "run")


def _start(name: str, logs: Path, program: str, *arguments: str) -> Child:
    log = logs / f"{name}.log"
    command = [str(Path(sysconfig.get_path("scripts")) / program), *arguments]
    with os.fdopen(private_file(log), "ab") as output:
        process = subprocess.Popen(
            [*command, "--workspace", str(FILES / "workspace.yaml")],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Child(name, process, log)


def _await_readiness(children: list[Child], port: int, stopping: threading.Event) -> None:
    """Wait until the UI answers, the code is loaded and the scheduler's heart beats.

    Raises:
        StartupError: it takes too long, or a process has ended.
    """
    deadline = time.monotonic() + _READY_WITHIN_SECONDS
    while not _is_ready(port):
        for child in children:
            child.require_alive()
        if time.monotonic() > deadline:
            logs = " and ".join(str(child.log) for child in children)
            raise StartupError(f"Not ready after {_READY_WITHIN_SECONDS} s: see {logs}.")
        if stopping.wait(0.25):
            return


def _is_ready(port: int) -> bool:
    """Whether a person who opens the UI now finds it working.

    Raises:
        StartupError: the code does not load.
    """
    request = urllib.request.Request(
        f"http://{_HOST}:{port}/graphql",
        data=json.dumps({"query": _READINESS}).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310 our own address
            answer: dict[str, Any] = json.load(response)["data"]
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
    entries = answer["workspaceOrError"]["locationEntries"]
    for entry in entries:
        if error := (entry["locationOrLoadError"] or {}).get("message"):
            raise StartupError(f"Dagster cannot load the code: {error.strip().splitlines()[-1]}")
    loaded = bool(entries) and all(entry["loadStatus"] == "LOADED" for entry in entries)
    return loaded and bool(answer["instance"]["daemonHealth"]["daemonStatus"]["healthy"])
