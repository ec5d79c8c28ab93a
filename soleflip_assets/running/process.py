"""Which process is at work, in a form that outlives it: machine, number, start.

A process number alone is soon another process's. The start is counted from the start of the machine where
that is known, so that a clock that is set does not make one process look like two. Here: telling whether a
process is still there. Not here: what it did.
"""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

HOST_TAG = "soleflip/host"
PID_TAG = "soleflip/pid"
START_TAG = "soleflip/process_start"

_STATE_FIELD, _START_FIELD = 0, 19


@dataclass(frozen=True)
class Process:
    """A process.

    Attributes:
        host: the name of its machine or container.
        pid: its number there.
        start: when it began: an opaque word, the same for as long as it lives.
    """

    host: str
    pid: int
    start: str

    @classmethod
    def this(cls) -> Self:
        """The process that asks."""
        return cls.numbered(os.getpid())

    @classmethod
    def numbered(cls, pid: int) -> Self:
        """A process of this machine that lives."""
        return cls(socket.gethostname(), pid, _start_of(pid))

    @classmethod
    def from_tags(cls, tags: Mapping[str, str]) -> Self | None:
        """The process that a run is tagged with; None if it is not."""
        if not {HOST_TAG, PID_TAG, START_TAG} <= tags.keys() or not tags[PID_TAG].isdecimal():
            return None
        return cls(tags[HOST_TAG], int(tags[PID_TAG]), tags[START_TAG])

    @property
    def tags(self) -> dict[str, str]:
        """For a run."""
        return {HOST_TAG: self.host, PID_TAG: str(self.pid), START_TAG: self.start}

    @property
    def is_gone(self) -> bool:
        """Whether it has ended for certain; of another machine nobody here can tell."""
        return self.host == socket.gethostname() and _start_of(self.pid) != self.start

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def _start_of(pid: int) -> str:
    """When a process began; empty if there is none, or nothing but its exit code is left."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            # The name, in parentheses, may hold anything.
            fields = stat.read_text().rpartition(")")[2].split()
        except (OSError, UnicodeDecodeError):
            return ""
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().partition("-")[0]
        return "" if fields[_STATE_FIELD] in "ZX" else f"{boot}-{fields[_START_FIELD]}"
    try:
        process = psutil.Process(pid)
        return "" if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.Error:
        return ""
