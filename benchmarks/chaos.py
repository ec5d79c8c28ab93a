"""Chaos: everything that production consists of is killed, held up, cut off; and it helps itself.

    python -m benchmarks.chaos --minutes 30

The services of deploy/ on Debian's PostgreSQL 15, and `soleflip up`, at real speed with writers at work, in
both modes of the metrics in turn. Prints a row for each fault, keeps it in results/chaos.md, and exits with 1
where something was not well again in time, was told twice or not at all, a refresh was missed or doubled, or
something was left behind. Here: which faults strike, and the table. Not here: the faults (tests/e2e/chaos.py).
"""

import itertools
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from benchmarks.harness import table
from benchmarks.results import RESULTS
from benchmarks.soak import WRITERS, Writers
from soleflip_assets.metrics.mode import Mode
from tests.conftest import programs_of
from tests.e2e.chaos import FAULTS, FULL_DISK, SETTINGS, Chaos, Outcome
from tests.e2e.topology import HOURLY, running_production
from tests.integration.alerts.sink import running_sink

# A Tuesday, when nothing daily or weekly is due: those schedules are off.
START = datetime(2026, 3, 10, 11, 50, tzinfo=UTC)
_DISK_MEGABYTES = 1500


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--minutes", type=click.FloatRange(min=0), default=30, show_default=True,
              help="At least so long; all faults strike once in any case.")  # fmt: skip
@click.option("--factor", type=click.FloatRange(min=1), default=1, show_default=True,
              help="By which deadlines are longer here: the machine has other work, too.")  # fmt: skip
@click.option("--only", help="Faults with this in their description; keep nothing.")
def main(minutes: float, factor: float, only: str | None) -> None:
    """Let all that may happen to production happen."""
    began, load = time.monotonic(), os.getloadavg()[0]
    with _disk() as disk:
        outcomes = _suffered(disk, factor, minutes * 60, only or "")
    lasted = time.monotonic() - began
    text = _text(outcomes, lasted, factor, load, has_disk=disk is not None)
    if not only:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "chaos.md").write_text(text + "\n", encoding="utf-8")
    click.echo(text)
    if wrong := [outcome for outcome in outcomes if outcome.wrong]:
        click.echo(f"soleflip: {len(wrong)} of {len(outcomes)} faults did not end well.", err=True)
        sys.exit(1)


def _suffered(disk: Path | None, factor: float, seconds: float, only: str) -> list[Outcome]:
    faults = [fault for fault in (*FAULTS, *([FULL_DISK] if disk else [])) if only in fault.what]
    until = time.monotonic() + seconds
    outcomes: list[Outcome] = []
    with (
        running_sink() as sink,
        running_production(
            START,
            programs_of("15"),
            {HOURLY},
            {"SOLEFLIP_ALERT_URLS": sink.url()},
            SETTINGS,
            disk,
        ) as production,
    ):
        chaos = Chaos(production, sink, factor, disk=disk)
        with Writers(production.database).at_work(), chaos.at_work():
            for round_number in itertools.count():
                for number, fault in enumerate(faults):
                    if round_number and time.monotonic() > until:
                        return outcomes
                    # Each fault in the one mode, and in the next round in the other.
                    mode = list(Mode)[(number + round_number) % 2]
                    if chaos.mode is not mode:
                        chaos.keep_metrics(mode)
                    outcomes.append(chaos.suffer(fault))
                    click.echo(" | ".join(map(str, _row(outcomes[-1], factor))), err=True)
    raise AssertionError


@contextmanager
def _disk() -> Iterator[Path | None]:
    """A small disk of its own, for the data and all logs; None where nobody lets us have one."""
    if platform.system() != "Linux" or os.geteuid() != 0:
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="soleflip-chaos-"))
    mount = [
        "mount",
        "-t",
        "tmpfs",
        "-o",
        f"size={_DISK_MEGABYTES}m,mode=0711",
        "none",
        str(folder),
    ]
    if subprocess.run(mount, check=False).returncode:
        folder.rmdir()
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


def _row(outcome: Outcome, factor: float) -> list[object]:
    told = [f"{what.partition(',')[0]}: {number}" for what, number in outcome.told.items()]
    return [
        outcome.fault.what,
        outcome.mode,
        f"{outcome.seconds:.0f} s",
        f"{outcome.fault.deadline * factor:.0f} s",
        "; ".join(told) or "nothing",
        "; ".join(outcome.wrong) or "well",
    ]


def _text(
    outcomes: list[Outcome], lasted: float, factor: float, load: float, *, has_disk: bool
) -> str:
    return table(
        ["done", "mode", "well again after", "deadline", "told, how often", "seen"],
        [_row(outcome, factor) for outcome in outcomes],
    )


if __name__ == "__main__":
    main()
