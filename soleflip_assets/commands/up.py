"""``soleflip up``: the deployment, then the UI and the daemon, until somebody says stop.

A supervisor of its own and not ``dagster dev``, which was seen to survive a SIGTERM. Here: which processes
there are, and when they are ready. Not here: how one is started and ended (processes.py).
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.util import get_temp_dir
from pathlib import Path
from typing import Any

from soleflip_assets.commands.environment import Environment
from soleflip_assets.commands.forking import StartupError, end_server, fork
from soleflip_assets.commands.processes import LOCK, Child, Household
from soleflip_assets.commands.signals import heeded
from soleflip_assets.commands.terminal import complain
from soleflip_assets.ground import runbook
from soleflip_assets.ground.deadlines import READY
from soleflip_assets.ground.errors import ConfigurationError
from soleflip_assets.ground.private_files import private_file, private_folder
from soleflip_assets.ground.settings import FILES, UI_URL

Tell = Callable[[str], None]

_HOST = "127.0.0.1"
# The fork server's socket is 32 letters longer.
_LONGEST_TEMPORARY = 70
_SOCKET = "DAGSTER_CODE_SERVER_SOCKET"

# Whether all is well.
_HEALTH = "/assets/operations/health"
# The page that shows all assets at once: the global lineage folds them up by group.
_LINEAGE = "/assets/inventory/stock_metrics_view?view=lineage&lineageScope=neighbors&lineageDepth=9"

# What comes before the UI, and which module does it: on a database that is ours, and on another one.
_PREPARATION = "soleflip_assets.commands.prepare"
_PREPARATION_ELSEWHERE = "soleflip_assets.commands.lost"

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


_RECORDED = """
{
  assetOrError(assetKey: {path: ["operations", "health"]}) {
    ... on Asset { assetMaterializations(limit: 1) { timestamp } }
  }
}
"""
# The first look comes within seconds of the daemon; a page without it is no reason to wait for longer.
_FIRST_LOOK_SECONDS = 30


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


def require_short_temporary_folder() -> None:
    """Make sure that the sockets in it can be made: the path of one has 103 letters at most on macOS.

    Raises:
        ConfigurationError: it is too long.
    """
    folder = tempfile.gettempdir()
    if len(os.fsencode(folder)) > _LONGEST_TEMPORARY:
        raise ConfigurationError(
            f"The temporary folder {folder} is too long for the sockets in it: set TMPDIR to one of at most "
            f"{_LONGEST_TEMPORARY} letters."
        )


def serve(environment: Environment, port: int, household: Household, tell: Tell) -> int:
    """Deploy if the database is ours, then serve until a signal arrives, whatever came of the deployment.

    Args:
        environment: prepared; its variables are inherited by the processes started here.
        port: of the UI.
        household: where they are written down.
        tell: gets the lines for the terminal; the last one before the wait is the URL of the page that says
            whether all is well.

    Returns:
        The exit code: 0 after Ctrl-C or SIGTERM, 1 when the deployment or a process failed.
    """
    logs = private_folder(environment.settings.home / "logs")
    # glibc gives threads up to eight heaps a core; of all processes here together two are 15 MB less.
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")
    # Alerts link to it; behind a proxy it has another name.
    if "ui_url" not in environment.settings.model_fields_set:
        os.environ[UI_URL] = f"http://{_HOST}:{port}"
    stopping = threading.Event()
    processes = _Processes(logs, household)
    with _signals_set(stopping), _socket_folder(household) as folder:
        try:
            processes.start_warden(environment)
            preparation = _start_preparation(environment, processes)
            # It loads the code on one core while another deploys: 3 s.
            code_socket = _start_code_server(processes, folder)
            deployed = _end_of(preparation, environment, processes, stopping)
            if stopping.is_set():
                return 0
            _start_ui(processes, port, code_socket, stopping)
            if not stopping.is_set():
                _tell_url(port, tell, deployed=deployed)
            while not stopping.wait(1.0):
                household.require_kept()
                processes.require_alive()
                _revive(environment, tell)
        except StartupError as error:
            complain(f"soleflip: {error}")
            return 1
        finally:
            processes.stop()
    return 0 if deployed else 1


def _revive(environment: Environment, tell: Tell) -> None:
    """Start the embedded server again if it was killed."""
    # Just after, the memory that it shared may still be in use: the next look is a second later.
    with suppress(ConfigurationError):
        if environment.server and environment.server.revive():
            tell("The embedded PostgreSQL had ended by itself: it was started again.")


def _tell_url(port: int, tell: Tell, *, deployed: bool) -> None:
    if not deployed:
        complain(
            "The deployment failed, as told above; the UI shows what it met. Mend that and start again."
        )
    tell(f"The lineage: http://{_HOST}:{port}{_LINEAGE}")
    tell(f"The runbook: http://{_HOST}:{port}{runbook.PATH}")
    tell("Ctrl-C stops it. Whether all is well:")
    tell(f"http://{_HOST}:{port}{_HEALTH}")


class _Processes:
    """What runs at the moment.

    Args:
        logs: the folder of the logs.
        household: where each is written down.
    """

    def __init__(self, logs: Path, household: Household) -> None:
        self._logs = logs
        self._household = household
        self._children: list[Child] = []
        self._pipe: int | None = None

    @property
    def logs(self) -> str:
        """Where to look."""
        return " and ".join(str(child.log) for child in self._children)

    def start(self, name: str, module: str, *arguments: str, **how: Any) -> Child:
        """Start one on an interpreter of its own; its output goes to its log, unless said otherwise."""
        log = self._log(name)
        with os.fdopen(private_file(log), "ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                start_new_session=True,
                **{
                    "stdin": subprocess.DEVNULL,
                    "stdout": output,
                    "stderr": subprocess.STDOUT,
                    **how,
                },
            )
        return self._added(Child(name, process, log))

    def fork(self, name: str, module: str, *arguments: str) -> Child:
        """Start one that shares what it loads; its output goes to its log."""
        log = self._log(name)
        return self._added(Child(name, fork(name, log, module, *arguments), log))

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def _added(self, child: Child) -> Child:
        self._children.append(child)
        self._household.add(child)
        return child

    def start_warden(self, environment: Environment) -> None:
        """Start the one that ends the others should this process be killed."""
        home = environment.settings.home
        data = str(environment.server.data) if environment.server else ""
        read, self._pipe = os.pipe()
        self.start("warden", "soleflip_assets.commands.warden", str(home / LOCK), str(os.getpid()), data,
                   stdin=read)  # fmt: skip
        os.close(read)

    def end(self, child: Child) -> None:
        """End one by itself."""
        child.ask_to_end()
        child.end()
        self._children.remove(child)

    def require_alive(self) -> None:
        """Raise StartupError if one has ended."""
        for child in self._children:
            child.require_alive()

    def stop(self) -> None:
        """End them side by side: each takes seconds. The warden last, which would else do it."""
        others = [child for child in self._children if child.name != "warden"]
        for child in others:
            child.ask_to_end()
        for child in others:
            child.end()
        end_server()
        for warden in (child for child in self._children if child.name == "warden"):
            warden.process.kill()
            warden.end()
        if self._pipe is not None:
            os.close(self._pipe)


@contextmanager
def _socket_folder(household: Household) -> Iterator[Path]:
    """A folder that only we can enter, short enough for a socket's path wherever the home is."""
    # That of the fork server's socket: a killed `soleflip up` does not remove it itself.
    household.add_folder(Path(get_temp_dir()))
    folder = Path(tempfile.mkdtemp(prefix="soleflip-up-"))
    household.add_folder(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _signals_set(stopping: threading.Event) -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal ask for the end; they interrupt nothing."""
    asked = heeded()
    before = [signal.signal(number, lambda *_: stopping.set()) for number in asked]
    try:
        yield
    finally:
        for number, handler in zip(asked, before, strict=True):
            signal.signal(number, handler)


def _start_preparation(environment: Environment, processes: _Processes) -> Child:
    """Start what comes before the UI, its progress on our terminal."""
    module = _PREPARATION if environment.embedded else _PREPARATION_ELSEWHERE
    return processes.start("preparation", module, stdout=None, stderr=None)


def _end_of(
    preparation: Child, environment: Environment, processes: _Processes, stopping: threading.Event
) -> bool:
    """Wait for it, or until somebody says stop.

    Returns:
        Whether all of it succeeded; True where the database is not ours, and nothing was deployed.
    """
    while preparation.process.poll() is None and not stopping.wait(0.1):
        pass
    processes.end(preparation)
    return preparation.process.returncode == 0 or not environment.embedded


def _start_code_server(processes: _Processes, folder: Path) -> str:
    """Start one for webserver and daemon: the daemon would start another interpreter every minute.

    Returns:
        The socket at which it answers once it has loaded the code.
    """
    socket_path = str(folder / "code.sock")
    os.environ[_SOCKET] = socket_path
    processes.fork("code-server", "soleflip_assets.commands.code_server", "api", "grpc",
                   "--socket", socket_path, "--module-name", "soleflip_assets.definitions",
                   "--attribute", "defs", "--location-name", "soleflip")  # fmt: skip
    return socket_path


def _start_ui(
    processes: _Processes, port: int, socket_path: str, stopping: threading.Event
) -> None:
    """Start what asks the code server; return when a person finds all of it working.

    Raises:
        StartupError: it takes too long, or a process has ended.
    """
    _await(lambda: _answers(socket_path), processes, stopping)
    if stopping.is_set():
        return
    workspace = ("--workspace", str(FILES / "workspace.yaml"))
    processes.fork("webserver", "soleflip_assets.commands.webserver",
                   "--host", _HOST, "--port", str(port), *workspace)  # fmt: skip
    processes.fork("daemon", "soleflip_assets.commands.daemon", "run", *workspace)
    _await(lambda: _is_ready(port), processes, stopping)
    deadline = time.monotonic() + _FIRST_LOOK_SECONDS
    _await(lambda: _health_is_recorded(port) or time.monotonic() > deadline, processes, stopping)


def _answers(socket_path: str) -> bool:
    """Whether the code server listens, which it does when it has loaded the code. Without gRPC, 8 MB here."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(socket_path) == 0


def _await(is_so: Callable[[], bool], processes: _Processes, stopping: threading.Event) -> None:
    """Wait until something is so, or somebody says stop.

    Raises:
        StartupError: it takes too long, or a process has ended.
    """
    deadline = time.monotonic() + READY.seconds
    while not is_so():
        processes.require_alive()
        if time.monotonic() > deadline:
            raise StartupError(f"Not ready after {READY.seconds} s: see {processes.logs}.")
        if stopping.wait(0.25):
            return


def _is_ready(port: int) -> bool:
    """Whether a person who opens the UI now finds it working.

    Raises:
        StartupError: the code does not load.
    """
    answer = _ask(port, _READINESS)
    if answer is None:
        return False
    entries = answer["workspaceOrError"]["locationEntries"]
    for entry in entries:
        if error := (entry["locationOrLoadError"] or {}).get("message"):
            raise StartupError(f"Dagster cannot load the code: {error.strip().splitlines()[-1]}")
    loaded = bool(entries) and all(entry["loadStatus"] == "LOADED" for entry in entries)
    return loaded and bool(answer["instance"]["daemonHealth"]["daemonStatus"]["healthy"])


def _health_is_recorded(port: int) -> bool:
    """Whether the page that is printed last has something to show."""
    answer = _ask(port, _RECORDED)
    return bool(answer and answer["assetOrError"].get("assetMaterializations"))


def _ask(port: int, query: str) -> dict[str, Any] | None:
    """What the UI answers; None if it does not yet."""
    request = urllib.request.Request(
        f"http://{_HOST}:{port}/graphql",
        data=json.dumps({"query": query}).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310 our own address
            answer: dict[str, Any] = json.load(response)["data"]
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return None
    return answer
