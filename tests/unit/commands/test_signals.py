"""A signal ends a command wherever Python is when it comes."""

import signal
import subprocess
import sys

import pytest

SCRIPT = """
import os, sys, time
from soleflip_assets.commands.signals import ended_by_signals

class Cleared:
    def __del__(self):
        os.kill(os.getpid(), int(sys.argv[1]))
        time.sleep(0.1)

with ended_by_signals(print):
    one = Cleared()
    del one
    time.sleep(10)
    print("went on")
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_while_python_clears_up_is_not_lost(number: signal.Signals, code: int) -> None:
    """Python drops what is raised there, after a traceback."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(int(number))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (code, "")
    assert done.stdout.startswith("soleflip: ended by ")
