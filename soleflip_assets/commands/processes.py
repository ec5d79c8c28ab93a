"""The processes of ``soleflip up``: started, ended, and ended by somebody else where it cannot do so itself.

Each leads a session of its own, so that a Ctrl-C in the terminal reaches only `soleflip up`, which then ends
all of them. Who is at work in a home is in its file ``up.lock``, locked for as long as that process lives;
what it has started is written there, too. After a ``kill -9`` of `soleflip up` its warden ends what is
written there, and if that was killed as well, the next `soleflip up`. Here: that. Not here: which processes
there are.
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from soleflip_assets.commands.forking import Forked, StartupError
from soleflip_assets.ground.deadlines import STOP
from soleflip_assets.ground.errors import ConfigurationError
from soleflip_assets.ground.settings import HOME
from soleflip_assets.running.process import Process

Handle = subprocess.Popen[bytes] | Forked

LOCK = "up.lock"
_KILL_AFTER_SECONDS = 5


@dataclass(frozen=True)
class Child:
    """A process of ours, the leader of its session and process group.

    Attributes:
        name: what it is.
        process: the handle.
        log: where its output goes.
    """

    name: str
    process: Handle
    log: Path

    def require_alive(self) -> None:
        """Raise StartupError if it has ended, or nobody would notice its end any more."""
        if isinstance(self.process, Forked) and self.process.is_out_of_sight:
            raise StartupError(
                "The process that webserver, daemon and code server are forked from was killed (by somebody, "
                "or as memory ran out: the system's log says), so nobody would notice their end: start again."
            )
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
            self.process.wait(STOP.seconds)
        # What it started is in its group, and may outlive it.
        end_group(self.process.pid, self.process)


def end_group(group: int, process: Handle | None = None) -> None:
    """End all that is left of a process group: SIGTERM, and SIGKILL for what does not hear that.

    Args:
        group: its number.
        process: its leader, where that is a child of ours, which has to be waited for.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        # ESRCH: nobody is left; macOS says EPERM of a group of zombies.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)
        deadline = time.monotonic() + _KILL_AFTER_SECONDS
        while time.monotonic() < deadline:
            if process is not None:
                process.poll()
            if not _lives(group):
                return
            time.sleep(0.05)


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


class Household:
    """Who is at work in a home, and what it has started, in a file that it holds locked.

    Args:
        descriptor: of the file, locked.
        port: of the UI.
    """

    def __init__(self, descriptor: int, port: int) -> None:
        self._descriptor = descriptor
        self._written: dict[str, Any] = {
            "pid": os.getpid(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
            "port": port,
            "children": [],
            "folders": [],
        }
        self._write()

    def add(self, child: Child) -> None:
        """Write down a process that has to end with ours."""
        process = Process.numbered(child.process.pid)
        self._written["children"].append(
            {"name": child.name, "pid": process.pid, "start": process.start}
        )
        self._write()

    def add_folder(self, folder: Path) -> None:
        """Write down a folder that has to go with ours."""
        self._written["folders"].append(str(folder))
        self._write()

    def require_kept(self) -> None:
        """Raise StartupError if the file was removed: the home is another one's then, or nobody's."""
        if os.fstat(self._descriptor).st_nlink == 0:
            raise StartupError(
                f"{LOCK} in {HOME} was removed while this ran: start it again, and it makes what is "
                "needed; an embedded database that was removed with it is lost."
            )

    def _write(self) -> None:
        # In place: the lock is on this file.
        data = json.dumps(self._written).encode()
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, data, 0)


@contextmanager
def at_work_in(home: Path, port: int) -> Iterator[tuple[Household, int]]:
    """Be the only `soleflip up` of a home for the length of the block; end first what a killed one left.

    Args:
        home: SOLEFLIP_HOME.
        port: of the UI.

    Yields:
        Where to write down what is started, and how many processes were left.

    Raises:
        ConfigurationError: another one is at work there; the message says which.
    """
    descriptor = _opened(home / LOCK)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(_who(home)) from None
        left = end_what_is_left(read(home / LOCK))
        yield Household(descriptor, port), left
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _opened(lock: Path) -> int:
    try:
        return os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"{lock} cannot be opened ({error.strerror}): remove it, or set {HOME} to another folder."
        ) from None


def read(lock: Path) -> dict[str, Any]:
    """What is written in a lock file; empty where nothing is."""
    try:
        found: dict[str, Any] = json.loads(lock.read_text())
    except (OSError, ValueError):
        return {}
    return found


def _who(home: Path) -> str:
    found = read(home / LOCK)
    who = (
        f"process {found['pid']}, since {datetime.fromisoformat(found['since']):%Y-%m-%d %H:%M} UTC, at "
        f"http://127.0.0.1:{found['port']}"
        if found
        else "it is just starting"
    )
    return (
        f"Another `soleflip up` is at work in {home} ({who}): use that one, stop it, or set {HOME} to "
        "another folder."
    )


def end_what_is_left(written: dict[str, Any]) -> int:
    """End the processes that somebody wrote down and could not end, and remove the folders.

    Args:
        written: as :func:`read` gives it.

    Returns:
        How many of them were still there.
    """
    groups = [child["pid"] for child in written.get("children", []) if _is_left(child)]
    for group in groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGTERM)
    for group in groups:
        _await_end(group)
        end_group(group)
    _remove(written.get("folders", []))
    return len(groups)


def _is_left(child: dict[str, Any]) -> bool:
    """Whether its leader is the same process still, or has gone and others of its group have not."""
    pid = int(child["pid"])
    now = Process.numbered(pid).start
    return _lives(pid) and now in ("", child["start"])


def _await_end(group: int) -> None:
    deadline = time.monotonic() + STOP.seconds
    while _lives(group) and time.monotonic() < deadline:
        time.sleep(0.05)


def _remove(folders: Sequence[str]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
