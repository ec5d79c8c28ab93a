"""A parent of a forked process whose whole group is sent the signals that ask for the end, early and late.

``python -m tests.integration.commands.whole_group LOG`` prints the exit code of the forked process, to which
SIGTERM is sent by itself in the end. With a second argument it prints the number of that process, and waits.
"""

import os
import signal
import sys
import threading
from pathlib import Path

from soleflip_assets.commands.forking import fork
from soleflip_assets.commands.signals import ENDING


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


if __name__ == "__main__":
    (_leave if len(sys.argv) > 2 else _try)(Path(sys.argv[1]))
