"""What `soleflip up` costs while nobody does anything: time to start, CPU time, memory, disk.

    python -m benchmarks.idle --minutes 10

Starts it on a new home, then once more, and leaves that one alone. The result is benchmarks/results/idle.md,
and the rows of README that say what it costs. Wants a machine with nothing else to do. Here: measuring. Not
here: whether that is too much (README says what it is).
"""

import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import psutil

from benchmarks.harness import table
from soleflip_assets.commands.processes import LOCK, read

RESULTS = Path(__file__).with_name("results")
README = Path(__file__).parents[1] / "README.md"
# It loads the warehouse and draws the dashboard within a minute of the first start.
_LOADS_SECONDS, _SETTLES_SECONDS = 90, 30
_LOOK_SECONDS = 5
_POSTGRESQL = "PostgreSQL"
_RUN = "a run"
_UP = "soleflip up"
_SHARED = "fork server"
# By this script, at f7f1f84, for three minutes.
_BEFORE = """Before webserver and daemon shared a code server, when the daemon started another interpreter
every minute, it was 8.2 % of a core and 585 MB."""


@dataclass(frozen=True)
class Look:
    """At one moment.

    Attributes:
        memory: in MB by process, each page shared out among those that share it; PostgreSQL's as one.
        cpu: seconds of CPU time that they have taken so far, with children that have ended, by the same.
    """

    memory: dict[str, float]
    cpu: dict[str, float]

    @classmethod
    def at(cls, home: Path) -> "Look":
        """All processes of a home."""
        memory: dict[str, float] = {}
        cpu: dict[str, float] = {}
        household = read(home / LOCK)
        for process in psutil.process_iter():
            try:
                if not _is_of(process, home):
                    continue
                name = _name(process, household)
                memory[name] = memory.get(name, 0) + process.memory_full_info().pss / 1e6
                cpu[name] = cpu.get(name, 0) + sum(process.cpu_times()[:4])
            except psutil.Error:
                continue
        return cls(memory, cpu)

    @property
    def of_python(self) -> float:
        """MB of all but PostgreSQL."""
        return sum(self.memory.values()) - self.of_postgresql

    @property
    def of_postgresql(self) -> float:
        """MB."""
        return self.memory.get(_POSTGRESQL, 0)


def _is_of(process: psutil.Process, home: Path) -> bool:
    """By its environment, in whose place a child of PostgreSQL's writes what it does."""
    asked: psutil.Process | None = process
    if process.name().startswith("postgres"):
        parent = process.parent()
        asked = parent if parent and parent.name().startswith("postgres") else process
    return asked is not None and asked.environ().get("SOLEFLIP_HOME") == str(home)


def _name(process: psutil.Process, household: dict[str, Any]) -> str:
    """As `soleflip up` has written it down; what else it has started is what the others are forked from."""
    if process.name().startswith("postgres"):
        return _POSTGRESQL
    if process.pid == household["pid"]:
        return _UP
    names = {child["pid"]: str(child["name"]) for child in household["children"]}
    return names.get(process.pid, _SHARED if process.ppid() == household["pid"] else _RUN)


@contextmanager
def _running(home: Path) -> Iterator[float]:
    """`soleflip up`, for the length of the block.

    Yields:
        The seconds from its start to its last line, the page's address.
    """
    environment = os.environ | {"SOLEFLIP_HOME": str(home), "PORT": "3999"}
    command = [str(Path(sys.executable).with_name("soleflip")), "up"]
    began = time.monotonic()
    up = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert up.stdout is not None
        if not any(line.startswith("http") for line in up.stdout):
            raise click.ClickException("`soleflip up` ended before it had an address.")
        yield time.monotonic() - began
    finally:
        up.send_signal(signal.SIGTERM)
        up.communicate()


@dataclass(frozen=True)
class Found:
    """What it costs.

    Attributes:
        first: seconds to start on a new home.
        next: seconds to start there once more.
        state: MB of disk after the first start.
        first_look: when it had settled after that.
        looks: of the second start, every few seconds.
        seconds: for which that was left alone.
    """

    first: float
    next: float
    state: float
    first_look: Look
    looks: list[Look]
    seconds: float

    @property
    def python(self) -> float:
        """MB of all processes of Python: what they take half of the time or more."""
        return statistics.median(look.of_python for look in self.looks)

    @property
    def postgresql(self) -> float:
        """The same of PostgreSQL."""
        return statistics.median(look.of_postgresql for look in self.looks)

    def cpu(self, *, postgresql: bool) -> float:
        """Seconds of CPU time, of PostgreSQL or of all others."""
        before, after = self.looks[0].cpu, self.looks[-1].cpu
        return sum(
            seconds - before.get(name, 0)
            for name, seconds in after.items()
            if (name == _POSTGRESQL) == postgresql
        )


def _measured(home: Path, minutes: float) -> Found:
    with _running(home) as first:
        time.sleep(_LOADS_SECONDS)
        first_look = Look.at(home)
        state = sum(file.stat().st_size for file in home.rglob("*") if file.is_file()) / 1e6
    with _running(home) as following:
        time.sleep(_SETTLES_SECONDS)
        began, looks = time.monotonic(), [Look.at(home)]
        while time.monotonic() < began + minutes * 60:
            time.sleep(_LOOK_SECONDS)
            looks.append(Look.at(home))
        seconds = time.monotonic() - began
    return Found(first, following, state, first_look, looks, seconds)


def _text(found: Found, load: float) -> str:
    peak, first_of_python = max(look.of_python for look in found.looks), found.first_look.of_python
    python, postgresql = found.cpu(postgresql=False), found.cpu(postgresql=True)
    last, first = found.looks[-1].memory, found.first_look.memory
    rows = [
        [name, f"{first.get(name, 0):,.0f} MB", f"{last.get(name, 0):,.0f} MB"]
        for name in sorted({*first, *last})
    ]
    said = f"""# An idle `soleflip up`

Measured {datetime.now(UTC):%Y-%m-%d %H:%M} UTC on {os.cpu_count()} cores, load average {load:.1f} before, by
`python -m benchmarks.idle`.

It answers {found.first:.0f} s after its first start, and {found.next:.0f} s after the next one.
After the first, {found.state:,.0f} MB are on disk.

Left alone for {found.seconds / 60:.1f} minutes, its processes of Python took {python:.1f} s of CPU time,
{100 * python / found.seconds:.1f} % of a core, and {found.python:,.0f} MB, at most {peak:,.0f};
PostgreSQL {postgresql:.1f} s, and {found.postgresql:,.0f} MB.

{_LOADS_SECONDS} s after the first start, which deploys and loads, Python's took {first_of_python:,.0f} MB.

{_BEFORE}
"""
    return f"{said}\n{table(['process', 'after the first start', 'after the next'], rows)}"


def into_readme(text: str, found: Found) -> str:
    """README with the rows that say what it costs renewed.

    Args:
        text: of README.
        found: what was measured.

    Raises:
        ValueError: a row is not there any more.
    """
    cores = {2: "two"}.get(os.cpu_count() or 0, str(os.cpu_count()))
    start = f"{found.first:.0f} s the first time, {found.next:.0f} s the next, on {cores} cores"
    memory = f"{_tens(found.python)} MB: the processes of Python; {_tens(found.postgresql)} MB: PostgreSQL"
    rows = {
        "from the start to the page": start,
        "memory": memory,
        "state after the first start": f"{_tens(found.state)} MB",
    }
    for name, value in rows.items():
        text, number = re.subn(rf"(?m)^\| {name} \|.*\|$", f"| {name} | {value} |", text)
        if number != 1:
            raise ValueError(f"README has {number} rows of {name!r}, not one.")
    return text


def _tens(number: float) -> int:
    return 10 * round(number / 10)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--minutes", type=click.FloatRange(min=0.1), default=10, show_default=True,
              help="How long it is left alone.")  # fmt: skip
@click.option("--write/--no-write", default=True, help="Keep the result, and renew README's rows.")
def main(minutes: float, *, write: bool) -> None:
    """Start `soleflip up` on the sample, twice, leave it alone, and say what it cost."""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="soleflip-idle-") as folder:
        home = Path(folder)
        home.chmod(0o711)
        found = _measured(home, minutes)
    text = _text(found, load)
    click.echo(text)
    readme = into_readme(README.read_text(encoding="utf-8"), found)
    if write:
        (RESULTS / "idle.md").write_text(text + "\n", encoding="utf-8")
        README.write_text(readme, encoding="utf-8")


if __name__ == "__main__":
    main()
