"""Processes of ``soleflip up`` that share the memory, and the loading, of what all of them load.

Webserver, daemon and code server each need Dagster, SQLAlchemy and what these need: 90 MB and two seconds of
a processor. They are forked from one process that has loaded that (loaded.py) and does nothing else: the
standard library's fork server, which ends with the last of `soleflip up` and what was forked. Here: starting
one. Not here: which there are (up.py), or how they are ended (processes.py).
"""

import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NoReturn

import psutil

from soleflip_assets.commands.signals import ENDING
from soleflip_assets.ground.deadlines import READY
from soleflip_assets.ground.private_files import private_file

_OUTPUT = (1, 2)
# What the standard library says of each where the fork server, which alone can know, has ended.
_NOBODY_KNOWS = 255
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["soleflip_assets.commands.loaded"])


class StartupError(Exception):
    """A process did not come up, or ended by itself; the message says where its log is."""


class Forked:
    """A process that was forked, with what we use of :class:`subprocess.Popen`."""

    def __init__(self, process: BaseProcess) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def is_out_of_sight(self) -> bool:
        """Whether nobody would notice its end: it runs, and the fork server has ended."""
        return self.poll() == _NOBODY_KNOWS and psutil.pid_exists(self.pid)

    @property
    def returncode(self) -> int | None:
        """The exit code; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """The exit code; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float) -> int | None:
        """Wait for its end.

        Args:
            timeout: in seconds.

        Returns:
            The exit code.

        Raises:
            TimeoutExpired: it does not end by then.
        """
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout)
        return self._process.exitcode

    def terminate(self) -> None:
        """Send SIGTERM."""
        self._process.terminate()

    def kill(self) -> None:
        """Send SIGKILL."""
        self._process.kill()


def fork(name: str, log: Path, module: str, *arguments: str) -> Forked:
    """Run the function ``main`` of a module, in a process that leads a session of its own.

    The first one waits until all that is shared is loaded, some 2 s.

    Args:
        name: by which `top` and `pgrep` show it on Linux.
        log: gets its output.
        module: which.
        arguments: its command line.

    Raises:
        StartupError: what is shared was not loaded in time, or ended the fork server.
    """
    receiver, sender = _SERVER.Pipe(duplex=False)
    process = _SERVER.Process(target=_run, name=name, args=(sender, name, log, module, arguments))
    with _detached(log):
        # Its companion first: to start it ends with two of the signals unblocked.
        resource_tracker.ensure_running()
    with _detached(log), _bounded(log):
        process.start()
    sender.close()
    # Until it leads its session, nobody could end it with all that it starts. It may also have died by now.
    with suppress(EOFError):
        if receiver.poll(READY.seconds):
            receiver.recv()
    return Forked(process)


@contextmanager
def _bounded(log: Path) -> Iterator[None]:
    """Give the start of a process an end: the standard library waits for the fork server without one.

    Raises:
        StartupError: it did not answer in time, or ended.
    """

    def give_up(*_: object) -> NoReturn:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(READY.seconds)
    try:
        yield
    except TimeoutError:
        raise StartupError(
            f"What all processes share was not loaded after {READY.seconds} s: see {log}."
        ) from None
    except (EOFError, OSError) as error:
        raise StartupError(
            f"The process that loads what all processes share ended meanwhile ({error}): see {log}."
        ) from None
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def end_server() -> None:
    """End the fork server and its companion, once all that was forked has ended: they would outlive us.

    They are not waited for, since the standard library does that itself when it ends.
    """
    for child in psutil.Process().children():
        with suppress(psutil.Error):
            if any("multiprocessing" in part for part in child.cmdline()):
                child.kill()


@contextmanager
def _detached(log: Path) -> Iterator[None]:
    """What starts in the block inherits neither our output nor the signals that ask for the end.

    What a terminal, `timeout` or systemd sends to the whole group is for `soleflip up` alone, to which it
    comes once the mask is lifted. Who reads our output sees its end when we end, not when the last of these
    does: after a `kill -9` of `soleflip up` and its warden that would be never.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(number) for number in _OUTPUT]
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        with os.fdopen(private_file(log), "ab") as output:
            for number in _OUTPUT:
                os.dup2(output.fileno(), number)
        yield
    finally:
        for number, copy in zip(_OUTPUT, kept, strict=True):
            os.dup2(copy, number)
            os.close(copy)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _run(ready: Connection, name: str, log: Path, module: str, arguments: tuple[str, ...]) -> None:
    os.setsid()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    with suppress(OSError):
        Path("/proc/self/comm").write_text(name)
    with os.fdopen(private_file(log), "ab") as output, Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    ready.send(None)
    ready.close()
    sys.argv = [module, *arguments]
    # What it starts by multiprocessing, as the code server does its runs, loads this one as its own.
    main = sys.modules["__main__"] = importlib.import_module(module)
    main.main()
