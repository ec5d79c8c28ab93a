"""A parent of a forked process whose whole group is sent the signals that ask for the end, early and late.

``python -m tests.integration.commands.whole_group LOG`` prints the exit code of the forked process, to which
SIGTERM is sent by itself in the end. With a second argument it prints the number of that process, and waits
(`left`), or says what `soleflip up` would once the fork server was killed (`unseen`), or where that never
ends loading (`slow`).
"""

import os
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path

import psutil

from soleflip_assets.commands import forking
from soleflip_assets.commands.forking import StartupError, end_server, fork
from soleflip_assets.commands.processes import Child
from soleflip_assets.commands.signals import ENDING
from soleflip_assets.ground.deadlines import READY

_NEVER_LOADED = "NEVER_LOADED"
if __name__ != "__main__" and _NEVER_LOADED in os.environ:
    signal.pause()


def main() -> None:
    """What is forked: waits for a signal."""
    signal.pause()


def _send_to_all() -> None:
    for number in ENDING:
        os.killpg(0, number)


def _try(log: Path) -> None:
    for number in ENDING:
        signal.signal(number, lambda *_: None)
    # While it loads what is shared.
    early = threading.Timer(0.5, _send_to_all)
    early.start()
    child = fork("sleeper", log, "tests.integration.commands.whole_group")
    early.join()
    _send_to_all()
    child.terminate()
    print(child.wait(30))


def _leave(log: Path) -> None:
    print(fork("sleeper", log, "tests.integration.commands.whole_group").pid, flush=True)
    signal.pause()


def _lose_server(log: Path) -> None:
    child = Child("sleeper", fork("sleeper", log, "tests.integration.commands.whole_group"), log)
    child.require_alive()
    (server,) = (one for one in psutil.Process().children() if "forkserver" in one.cmdline()[-1])
    server.kill()
    child.process.wait(10)
    try:
        child.require_alive()
    except StartupError as error:
        print(error)
    child.end()
    print(psutil.pid_exists(child.process.pid))


def _load_for_ever(log: Path) -> None:
    os.environ[_NEVER_LOADED] = "1"
    forking._SERVER.set_forkserver_preload(["tests.integration.commands.whole_group"])
    vars(forking)["READY"] = replace(READY, number=1)
    try:
        fork("sleeper", log, "tests.integration.commands.whole_group")
    except StartupError as error:
        print(error)
    end_server()


if __name__ == "__main__":
    what = {"left": _leave, "unseen": _lose_server, "slow": _load_for_ever}
    (what[sys.argv[2]] if len(sys.argv) > 2 else _try)(Path(sys.argv[1]))
