"""A command as a person runs it: in a terminal of so many columns, with what it shows there.

Here: the pseudo-terminal. Not here: what is run in it.
"""

import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from fcntl import ioctl
from pathlib import Path

_PATIENCE_SECONDS = 240


class Terminal:
    """A process in a terminal of its own.

    Args:
        command: what is run.
        environment: its variables; in a terminal COLUMNS is none of them.
        columns: how wide it is.
    """

    def __init__(
        self, command: Sequence[str | Path], environment: Mapping[str, str], columns: int = 80
    ) -> None:
        self._ours, theirs = pty.openpty()
        ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        known = {
            name: text for name, text in environment.items() if name not in {"COLUMNS", "LINES"}
        }
        self.process = subprocess.Popen(
            command,
            env={**known, "TERM": "xterm"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.shown = ""

    def until(self, words: str = "") -> str:
        """All that is shown until some words are, or to its end.

        Raises:
            AssertionError: they are not shown in time, or not before its end.
        """
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not (words and words in self.shown):
            assert time.monotonic() < deadline, self.shown
            if not select.select([self._ours], [], [], 1)[0]:
                continue
            try:
                read = os.read(self._ours, 4096)
            except OSError:  # Nobody holds the other end any more.
                read = b""
            if not read:
                assert not words, f"{words} was not shown: {self.shown}"
                break
            self.shown += read.decode(errors="replace").replace("\r\n", "\n")
        return self.shown

    def ended(self) -> tuple[str, int]:
        """All that it shows to its end, and its exit code."""
        shown = self.until()
        code = self.process.wait(60)
        os.close(self._ours)
        return shown, code

    def press_ctrl_c(self) -> None:
        """As the terminal does when a person presses it."""
        self.process.send_signal(signal.SIGINT)
