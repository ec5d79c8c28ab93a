"""Chaos: everything that production consists of is killed, held up, cut off; and it helps itself.

    python -m benchmarks.chaos --minutes 30

The services of deploy/ on Debian's PostgreSQL 15, and `soleflip up`, at real speed with writers at work, in
both modes of the metrics in turn. Prints a row for each fault, keeps it in results/chaos.md, and exits with
1 where something was not well again in time, was told twice or not at all, a refresh was missed or doubled,
or something was left behind. Here: which faults strike, and the table. Not here: those of production
(tests/e2e/chaos.py).
"""

import itertools
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
import psutil

from benchmarks.harness import table
from benchmarks.results import RESULTS
from benchmarks.soak import WRITERS, Writers
from soleflip_assets.ground import deadlines
from soleflip_assets.metrics.mode import Mode
from tests.conftest import open_folder, programs_of
from tests.e2e.chaos import FAULTS, FULL_DISK, SETTINGS, Chaos, Fault, Outcome
from tests.e2e.processes import Up, awaited, processes_of
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
@click.option(
    "--only", default="", help="Only faults with this in their description; keep nothing."
)
def main(minutes: float, factor: float, only: str) -> None:
    """Let all that may happen to production happen."""
    began, load = time.monotonic(), os.getloadavg()[0]
    outcomes: list[Outcome] = []
    with _disk() as disk:
        faults = [*FAULTS[:5], *([FULL_DISK] if disk else []), *FAULTS[5:]]
        for outcome in itertools.chain(
            _suffered(
                [fault for fault in faults if only in fault.what], disk, factor, minutes * 60
            ),
            _suffered_by_up([fault for fault in _OF_UP if only in fault.what], factor),
        ):
            outcomes.append(outcome)
            click.echo(" | ".join(map(str, _row(outcome, factor))), err=True)
            lasted = time.monotonic() - began
            text = _text(outcomes, lasted, factor, load, has_disk=disk is not None)
            if not only:
                # Kept as it goes: it takes long, and what was found is not to be lost.
                (RESULTS / "chaos.md").write_text(text + "\n", encoding="utf-8")
    click.echo(text)
    if wrong := [outcome for outcome in outcomes if outcome.wrong]:
        click.echo(f"soleflip: {len(wrong)} of {len(outcomes)} faults did not end well.", err=True)
        sys.exit(1)


def _tell(line: str) -> None:
    click.echo(f"  {line}", err=True)


def _suffered(
    faults: list[Fault], disk: Path | None, factor: float, seconds: float
) -> Iterator[Outcome]:
    if not faults:
        return
    until = time.monotonic() + seconds
    with (
        running_sink() as sink,
        running_production(
            START,
            programs_of("15"),
            {HOURLY},
            variables={"SOLEFLIP_ALERT_URLS": sink.url()},
            settings=SETTINGS,
            disk=disk,
        ) as production,
    ):
        chaos = Chaos(production, sink, factor, tell=_tell, disk=disk)
        with Writers(production.database).at_work(), chaos.at_work():
            for round_number in itertools.count():
                for number, fault in enumerate(faults):
                    if round_number and time.monotonic() > until:
                        return
                    # Each fault in the one mode, and in the next round in the other.
                    mode = list(Mode)[(number + round_number) % 2]
                    if chaos.mode is not mode:
                        chaos.keep_metrics(mode)
                    yield chaos.suffer(fault)


def _suffered_by_up(faults: list[Fault], factor: float) -> Iterator[Outcome]:
    """What `soleflip up` makes of it when it, or what it has started, is killed."""
    with open_folder() as home:
        for fault in faults:
            yield _outcome(fault, home, factor)


def _outcome(fault: Fault, home: Path, factor: float) -> Outcome:
    up = Up(home)
    try:
        up.await_url()
        over, wrong = time.monotonic(), []
        try:
            _OF_UP[fault](up, fault.deadline * factor)
        except AssertionError as error:
            wrong = [str(error)]
        return Outcome(fault, "", time.monotonic() - over, {}, wrong)
    finally:
        up.end()
        awaited(lambda: not processes_of(home))


def _killed(up: Up, seconds: float) -> None:
    """Its warden ends all that is left."""
    up.process.kill()
    up.process.communicate()
    awaited(lambda: not processes_of(up.home), seconds)


def _killed_with_its_warden(up: Up, seconds: float) -> None:
    """The next one ends what is left, and serves."""
    warden = _child(up, "commands.warden")
    warden.kill()
    up.process.kill()
    up.process.communicate()
    following = Up(up.home)
    threading.Timer(seconds, following.process.terminate).start()
    following.await_url()
    following.end()


def _lost_its_daemon(up: Up, seconds: float) -> None:
    """It says so, and ends with all that it had started."""
    _child(up, "commands.daemon").kill()
    output, _ = up.process.communicate(timeout=seconds)
    assert up.process.returncode == 1
    assert "The daemon ended by itself" in output, output
    awaited(lambda: not processes_of(up.home), seconds)


def _lost_its_server(up: Up, seconds: float) -> None:
    """It starts it again, and says so."""
    number = (up.home / "postgres" / "postmaster.pid").read_text().split()[0]
    psutil.Process(int(number)).kill()
    threading.Timer(seconds, up.process.terminate).start()
    up.await_line(lambda line: "was started again" in line)
    awaited(lambda: up.graphql("{ version }"), seconds)


def _child(up: Up, module: str) -> psutil.Process:
    children = psutil.Process(up.process.pid).children()
    (found,) = (child for child in children if module in " ".join(child.cmdline()))
    return found


def _elsewhere(_: Chaos) -> None:
    """What strikes `soleflip up` is done by the functions above."""


_OF_UP = {
    Fault("`kill -9` of `soleflip up`", _elsewhere, (deadlines.LOST_RUN, deadlines.STOP)): _killed,
    Fault(
        "`kill -9` of `soleflip up` and its warden, and another `up`",
        _elsewhere,
        (deadlines.READY,),
    ): _killed_with_its_warden,
    Fault(
        "`kill -9` of the daemon of `soleflip up`, which ends", _elsewhere, (deadlines.STOP,) * 3
    ): _lost_its_daemon,
    Fault(
        "`kill -9` of the postmaster of `soleflip up`", _elsewhere, (deadlines.LOST_RUN,)
    ): _lost_its_server,
}


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
    well = sum(not outcome.wrong for outcome in outcomes)
    explanation = (
        f"Written by `python -m benchmarks.chaos`: {lasted / 60:.0f} minutes at real speed, the services "
        f"of deploy/ on PostgreSQL 15, {WRITERS} writers, both modes of the metrics. What systemd's units "
        "and timers do is done, and nothing else. A fault strikes just when the refresh of an hour is due; "
        "the time until the next hour passes at once, which Dagster's daemons notice because they look each "
        "second and not each minute. Seconds count from the "
        "end of the fault: the lock given back, the process dead, room on the disk."
    )
    judged = (
        "Well is: every service is ready, each sensor looks, no run is unfinished, no alert is open or "
        "untold, the refreshes of the hours were done once each; and no process, connection, advisory lock, "
        "slot of a pool, transaction, trigger or file is there that was not there before. A deadline is the "
        "sum of those of docs/deadlines.md that pass one after the other, "
        f"times {factor:g}: this machine had other work at the same time (load average {load:.1f} on "
        f"{os.cpu_count()} cores before)."
    )
    full = (
        "" if has_disk else "The disk was not filled: only root on Linux can mount one of its own."
    )
    rows = table(
        ["done", "mode", "well again after", "deadline", "told, how often", "seen"],
        [_row(outcome, factor) for outcome in outcomes],
    )
    total = f"{well} of {len(outcomes)} ended well."
    return "\n\n".join(filter(None, ["# Chaos", explanation, judged, full, rows, total]))


if __name__ == "__main__":
    main()
