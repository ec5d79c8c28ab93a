"""A soak: hours of production, made short, with writers at work, and a daemon and a database restarted.

    python -m benchmarks.soak --hours 6

The services of deploy/ on Debian's PostgreSQL 15, under a clock that leaps from quarter of an hour to quarter
of an hour; in between, everything runs at its own pace. Afterwards a month passes, so that the event log is
pruned. Prints a Markdown table, keeps it in results/soak.md, and exits with 1 where a refresh was missed or
doubled, a connection was left behind, a process has grown by a fifth, or the event log was not pruned.
"""

import random
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import click
import psutil
import psycopg
from sqlalchemy.engine import URL

from benchmarks.harness import table
from benchmarks.results import RESULTS
from tests.conftest import connect, programs_of
from tests.e2e.processes import awaited
from tests.e2e.topology import HOURLY, SERVICES, Production, hour_of, running_production

# A Tuesday, long before the daily watch.
START = datetime(2026, 3, 10, 11, 50, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
HOUSEKEEPING = "daily_housekeeping"
WRITERS = 3
# What a writer waits between two changes: a shop, no load test.
PAUSE_SECONDS = 0.02
# The log of a run is kept for 30 days.
LATER = timedelta(days=32)
MOST_GROWTH = 1.2


@dataclass(frozen=True)
class Reading:
    """How things stand after an hour.

    Attributes:
        hour: which.
        ticks: of the hourly schedule.
        refreshes: after the deployment's.
        connections: to the server, but for the writers'.
        megabytes: of its own that each process has, with what it started.
        events: rows of Dagster's event log.
        writes: committed by the writers.
    """

    hour: str
    ticks: int
    refreshes: int
    connections: int
    megabytes: dict[str, int]
    events: int
    writes: int


class Writers:
    """Who changes stock all the while, and goes on after the database was away."""

    def __init__(self, url: URL) -> None:
        self._conninfo = url.render_as_string(hide_password=False)
        self._ended = threading.Event()
        self._committed = [0] * WRITERS

    @property
    def committed(self) -> int:
        """Changes so far."""
        return sum(self._committed)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """For the length of the block."""
        threads = [threading.Thread(target=self._write, args=[number]) for number in range(WRITERS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._ended.set()
            for thread in threads:
                thread.join()

    def _write(self, number: int) -> None:
        choose = random.Random(number)
        while not self._ended.is_set():
            # The database is away for a moment: then this one comes again, as an application does.
            with (
                suppress(psycopg.OperationalError),
                psycopg.connect(self._conninfo, autocommit=True, application_name="writer") as shop,
            ):
                ids = [row[0] for row in shop.execute("SELECT id FROM inventory.stock ORDER BY id")]
                while not self._ended.wait(PAUSE_SECONDS):
                    shop.execute(
                        "UPDATE inventory.stock SET quantity = quantity + 1, updated_at = now()"
                        " WHERE id = %s",
                        [choose.choice(ids)],
                    )
                    self._committed[number] += 1
            self._ended.wait(0.5)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--hours", type=click.IntRange(min=3), default=6, show_default=True, help="That pass."
)
def main(hours: int) -> None:
    """Let hours of production pass, with a daemon and a database that are restarted on the way."""
    keep = {HOURLY, HOUSEKEEPING}
    with running_production(START, programs_of("15"), keep) as production:
        writers = Writers(production.database)
        with writers.at_work():
            readings = [_hour_later(production, writers, number, hours) for number in range(hours)]
            each_once = production.refreshes() == _ticks(production, HOURLY)
            pruned = _a_month_later(production)
    text = _text(readings, pruned)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "soak.md").write_text(text + "\n", encoding="utf-8")
    click.echo(text)
    if found := _faults(readings, pruned, each_once=each_once):
        click.echo(f"soleflip: {'; '.join(found)}.", err=True)
        sys.exit(1)


def _hour_later(production: Production, writers: Writers, number: int, hours: int) -> Reading:
    """Four quarters; in the middle of some hour something is restarted just when a tick is due."""
    victim = {hours // 3: "daemon", 2 * hours // 3: "database"}.get(number)
    for quarter in range(4):
        moment = _next_quarter(production.clock.now())
        click.echo(
            f"{moment:%H:%M}{f', without its {victim}' if victim and quarter == 0 else ''}",
            err=True,
        )
        if victim and quarter == 0:
            production.stop(victim)
            production.clock.leap_to(moment + timedelta(seconds=1))
            production.start(victim)
        else:
            production.clock.leap_to(moment - timedelta(seconds=1))
        if moment == hour_of(moment):
            _await_tick(production, HOURLY, moment)
        awaited(lambda: not production.unfinished(), 150)
    return _reading(production, writers)


def _a_month_later(production: Production) -> tuple[int, int]:
    """Rows of the event log before and after the housekeeping of that day.

    The code server sleeps through the month: its code would end itself after a day without a heartbeat.
    """
    before = _count(production.storage, "SELECT count(*) FROM event_logs")
    production.stop("code-server")
    production.clock.leap_to(production.clock.now() + LATER)
    production.start("code-server")
    click.echo(f"{LATER.days} days later", err=True)
    awaited(lambda: _ended_runs(production, "housekeeping") > 0, 150)
    awaited(lambda: not production.unfinished(), 150)
    return before, _count(production.storage, "SELECT count(*) FROM event_logs")


def _next_quarter(moment: datetime) -> datetime:
    passed = timedelta(
        minutes=moment.minute % 15, seconds=moment.second, microseconds=moment.microsecond
    )
    return moment - passed + QUARTER


def _await_tick(production: Production, schedule: str, moment: datetime) -> None:
    awaited(lambda: moment in _ticks(production, schedule), 150)


def _ticks(production: Production, schedule: str) -> list[datetime]:
    with connect(production.storage) as connection:
        moments = connection.exec_driver_sql(
            "SELECT timestamp FROM job_ticks WHERE type = 'SCHEDULE' AND status = 'SUCCESS'"
            " AND tick_body LIKE %s ORDER BY timestamp",
            (f"%{schedule}%",),
        ).scalars()
        return [moment.replace(tzinfo=UTC) for moment in moments]


def _ended_runs(production: Production, job: str) -> int:
    return _count(
        production.storage,
        f"SELECT count(*) FROM runs WHERE status = 'SUCCESS' AND pipeline_name = '{job}'",
    )


def _reading(production: Production, writers: Writers) -> Reading:
    connections = (
        "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
        " AND application_name <> 'writer' AND pid <> pg_backend_pid()"
    )
    return Reading(
        f"{production.clock.now():%H:%M}",
        len(_ticks(production, HOURLY)),
        len(production.refreshes()),
        _count(production.storage, connections),
        _megabytes(production),
        _count(production.storage, "SELECT count(*) FROM event_logs"),
        writers.committed,
    )


def _megabytes(production: Production) -> dict[str, int]:
    """What each process has for itself, once the last run's has gone; shared buffers are nobody's."""
    pids = {name: production.topology.processes[name].pid for name in SERVICES}
    pids["database"] = int((production.server.data / "postmaster.pid").read_text().split()[0])
    awaited(lambda: not production.runs())
    return {name: round(sum(map(_own_memory, _family(pid))) / 1e6) for name, pid in pids.items()}


def _family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def _own_memory(process: psutil.Process) -> int:
    with suppress(psutil.NoSuchProcess):
        return int(process.memory_full_info().uss)
    return 0


def _count(url: URL, query: str) -> int:
    with connect(url) as connection:
        return int(connection.exec_driver_sql(query).scalar_one())


def _faults(readings: list[Reading], pruned: tuple[int, int], *, each_once: bool) -> list[str]:
    first, last = readings[0], readings[-1]
    found = {
        f"{last.refreshes} refreshes for {last.ticks} ticks, not one in each hour": not each_once,
        f"{last.ticks} ticks in {len(readings)} hours": last.ticks != len(readings),
        f"{last.connections} connections after {first.connections}": last.connections
        > first.connections + len(SERVICES),
        **{
            f"{last.megabytes[name]} MB of the {name} after {megabytes}": last.megabytes[name]
            > MOST_GROWTH * megabytes
            for name, megabytes in first.megabytes.items()
        },
        f"{pruned[1]:,} events left of {pruned[0]:,}": pruned[1] > pruned[0] / 2,
    }
    return [fault for fault, so in found.items() if so]


def _text(readings: list[Reading], pruned: tuple[int, int]) -> str:
    explanation = (
        f"Written by `python -m benchmarks.soak --hours {len(readings)}`: the services of deploy/ on "
        f"PostgreSQL 15, {WRITERS} writers, the daemon killed just when a refresh was due in one hour, the "
        "database in another. All numbers are sums since the beginning, but for connections and memory: a "
        "process's own, with all that it started."
    )
    columns = {
        "hour": [one.hour for one in readings],
        "ticks": [one.ticks for one in readings],
        "refreshes": [one.refreshes for one in readings],
        "connections": [one.connections for one in readings],
        **{
            f"{name}, MB": [one.megabytes[name] for one in readings]
            for name in readings[0].megabytes
        },
        "rows of the event log": [f"{one.events:,}" for one in readings],
        "writes": [f"{one.writes:,}" for one in readings],
    }
    rows = list(zip(*columns.values(), strict=True))
    before, left = pruned
    after = f"{LATER.days} days later housekeeping pruned the event log from {before:,} rows to {left:,}."
    return "\n\n".join(["# Soak", explanation, table(list(columns), rows), after])


if __name__ == "__main__":
    main()
