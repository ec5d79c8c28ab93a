"""Chaos: everything that production consists of is killed, held up, cut off; and it helps itself.

    python -m benchmarks.chaos --minutes 30          # all faults, again and again for half an hour
    python -m benchmarks.chaos --minutes 0 --missing # those of which no good end is kept
    python -m benchmarks.chaos --minutes 0 --only viewers --only "code server" --factor 2

The services of deploy/ on Debian's PostgreSQL 15, and `soleflip up`, at real speed with writers at work, in
both modes of the metrics in turn. Prints a row for each fault and keeps it at once, in results/chaos.jsonl
and chaos.md, in the place of that fault's older one: a run that was ended early loses nothing, and --missing
resumes it. Exits with 1 where something was not well again in time, was told twice or not at all, a refresh
was missed or doubled, or something was left behind. Here: which faults strike, and the table. Not here: those
of production (tests/e2e/chaos.py).
"""

import itertools
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

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
              help="No round begins later; all faults strike once in any case.")  # fmt: skip
@click.option("--factor", type=click.FloatRange(min=1), default=1, show_default=True,
              help="By which deadlines are longer here: the machine has other work, too.")  # fmt: skip
@click.option(
    "--only", multiple=True, help="Only faults with this in their description; may be given again."
)
@click.option("--missing", is_flag=True, help="Only faults of which no good end is kept.")
def main(minutes: float, factor: float, only: tuple[str, ...], missing: bool) -> None:
    """Let all that may happen to production happen."""
    until, kept = time.monotonic() + minutes * 60, _kept()
    ended_well = {row.what for row in kept if not row.wrong}

    def chosen(faults: Iterable[Fault]) -> list[Fault]:
        return [
            fault
            for fault in faults
            if not only or any(part in fault.what for part in only)
            if not missing or fault.what not in ended_well
        ]

    rows: list[Row] = []
    with _disk() as disk:
        faults = [*FAULTS[:5], *([FULL_DISK] if disk else []), *FAULTS[5:]]
        for outcome in itertools.chain(
            _suffered_by_up(chosen(_OF_UP), factor), _suffered(chosen(faults), disk, factor, until)
        ):
            rows.append(Row.of(outcome, factor))
            click.echo(" | ".join(map(str, rows[-1].cells)), err=True)
            # As it goes: it takes long, and what was found is not to be lost.
            kept = _keep(kept, rows[-1])
    click.echo(_text(kept))
    if wrong := [row for row in rows if row.wrong]:
        click.echo(f"soleflip: {len(wrong)} of {len(rows)} faults did not end well.", err=True)
        sys.exit(1)


@dataclass(frozen=True)
class Row:
    """What is kept of an outcome.

    Attributes:
        what: was done.
        mode: of the metrics; empty for `soleflip up`, which is not asked.
        seconds: until all was well.
        deadline: for that.
        told: how often each thing that failed was told of.
        wrong: what was not as it should be; empty if nothing.
        when: it struck, to the minute, in UTC.
        factor: by which the deadline was longer than docs/deadlines.md says.
        load: the machine's load average when it was over.
    """

    what: str
    mode: str
    seconds: float
    deadline: float
    told: dict[str, int]
    wrong: list[str]
    when: str
    factor: float
    load: float

    @classmethod
    def of(cls, outcome: Outcome, factor: float) -> Self:
        """Now."""
        told: Counter[str] = Counter()
        for what, number in outcome.told.items():
            told[what.partition(",")[0]] += number
        return cls(
            outcome.fault.what,
            outcome.mode,
            round(outcome.seconds, 1),
            outcome.fault.deadline * factor,
            dict(told),
            outcome.wrong,
            f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
            factor,
            round(os.getloadavg()[0], 1),
        )

    @property
    def cells(self) -> list[object]:
        """As the table has it."""
        return [
            self.what,
            self.mode or "none",
            f"{self.seconds:.0f} s",
            f"{self.deadline:.0f} s",
            "; ".join(f"{what}: {number}" for what, number in self.told.items()) or "nothing",
            "; ".join(self.wrong) or "well",
            f"{self.when}, load {self.load:.1f}, deadlines times {self.factor:g}",
        ]


_ROWS = RESULTS / "chaos.jsonl"


def _kept() -> list[Row]:
    """The last row of each fault in each mode."""
    if not _ROWS.exists():
        return []
    return [Row(**json.loads(line)) for line in _ROWS.read_text(encoding="utf-8").splitlines()]


def _keep(kept: list[Row], row: Row) -> list[Row]:
    """Put a row in the place of its older one, and write all."""
    of = {(one.what, one.mode): one for one in kept} | {(row.what, row.mode): row}
    order = [fault.what for fault in (*FAULTS[:5], FULL_DISK, *FAULTS[5:], *_OF_UP)]
    known = [one for one in of.values() if one.what in order]
    rows = sorted(known, key=lambda one: (order.index(one.what), one.mode))
    lines = [json.dumps(asdict(one), ensure_ascii=False) for one in rows]
    _ROWS.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    (RESULTS / "chaos.md").write_text(_text(rows) + "\n", encoding="utf-8")
    return rows


def _tell(line: str) -> None:
    click.echo(f"  {line}", err=True)


def _suffered(
    faults: list[Fault], disk: Path | None, factor: float, until: float
) -> Iterator[Outcome]:
    if not faults:
        return
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
    warden = up.child("warden")
    warden.kill()
    up.process.kill()
    up.process.communicate()
    following = Up(up.home)
    threading.Timer(seconds, following.process.terminate).start()
    following.await_url()
    following.end()


def _lost_its_daemon(up: Up, seconds: float) -> None:
    """It says so, and ends with all that it had started."""
    up.child("daemon").kill()
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


_EXPLANATION = f"""# Chaos

Written by `python -m benchmarks.chaos`, at real speed: the services of deploy/ on PostgreSQL 15, {WRITERS}
writers, both modes of the metrics; and `soleflip up`. What systemd's units and timers do is done, and nothing
else. A fault strikes just when the refresh of an hour is due; the time until the next hour passes at once,
which Dagster's daemons notice because they look each second and not each minute. Seconds count from the end
of the fault: the lock given back, the process dead, room on the disk.

Well is: every service is ready, each sensor looks, no run is unfinished, no alert is open or untold, the
refreshes of the hours were done once each; and no process, connection, advisory lock, slot of a pool,
transaction, trigger or file is there that was not there before. A fault is told once, as one thing. A
deadline is the sum of those of docs/deadlines.md that pass one after the other, times what the last column
says, where the machine had other work. A row is the last one of its fault: a run of some keeps the others."""

_FOUND = """Earlier runs found, and since then it is mended:

- The clock moved back: the daemon begins anew, but its heartbeats lay in the future, which `soleflip health`
  takes for no sign of life. Whoever looks after the daemon killed it before its first new heartbeat
  (`commands/daemon.py`).
- The runs that repeated a refresh inherited the tag of its dead process, and were ended as dead while they
  waited (`running/lost.py`).
- The death of the code server was told seven times, by each sensor that failed by it (`alerts/state.py`)."""


def _text(rows: list[Row]) -> str:
    well = sum(not row.wrong for row in rows)
    header = ["done", "mode", "well again after", "deadline", "told, how often", "seen", "when"]
    struck = {row.what for row in rows}
    never = [fault.what for fault in (*FAULTS, FULL_DISK, *_OF_UP) if fault.what not in struck]
    total = f"{well} of {len(rows)} ended well."
    if never:
        total += f" **Not tried yet:** {'; '.join(never)}."
    return "\n\n".join([_EXPLANATION, table(header, [row.cells for row in rows]), total, _FOUND])


if __name__ == "__main__":
    main()
