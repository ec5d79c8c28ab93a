"""What happens to production, and what has to be so afterwards.

A fault strikes just when a refresh is due. Then nobody lends a hand but what stands in deploy/systemd: a
service that ends is started again after five seconds, one that does not answer within half a minute. Here:
the faults, and judging. Not here: which of them strike, and when (benchmarks/chaos.py, test_topology.py).
"""

import json
import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg import sql
from sqlalchemy import Connection
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from soleflip_assets.alerts.state import State
from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.ground import deadlines
from soleflip_assets.ground.deadlines import Deadline
from soleflip_assets.ground.errors import ConfigurationError
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.metrics.mode import Mode, switch
from soleflip_assets.monitoring import watch
from tests.conftest import connect
from tests.e2e.processes import awaited
from tests.e2e.topology import SERVICES, Production, hour_of
from tests.integration.alerts.sink import Sink

# Before the hour, in which the fault strikes.
BEFORE = timedelta(seconds=5)
HOUR = timedelta(hours=1)
BETWEEN_LOOKS = timedelta(seconds=watch.INTERVAL_SECONDS)
# Of a chaos run: what is missed by hours alone is not what is looked for.
SETTINGS = {
    "SOLEFLIP_FRESHNESS_WARN_MINUTES": "540",
    "SOLEFLIP_FRESHNESS_ERROR_MINUTES": "600",
}

# soleflip-*.service and soleflip-health@.timer.
_RESTART_SECONDS = 5
_HEALTH_SECONDS = 30

_REFRESH_LOCK = "'inventory_ops.metrics_refresh'::regclass::oid::bigint"
_WAITS_FOR_THE_REFRESH = """
SELECT pid FROM pg_stat_activity
WHERE strpos(query, 'inventory.refresh_stock_metrics()') > 0 AND wait_event_type = 'Lock'
"""
_LEFT = {
    "advisory locks": "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'",
    "prepared transactions": "SELECT count(*) FROM pg_prepared_xacts",
    "open transactions": "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%%'"
    " AND application_name <> 'writer' AND state_change < now() - interval '20 s'",
}
_TAKEN_SLOTS = "SELECT count(*) FROM concurrency_slots WHERE run_id IS NOT NULL"
# Those that a look opens are closed at once.
_CONNECTIONS = (
    "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
    " AND application_name <> 'writer' AND state_change < now() - interval '20 s'"
)
_TRIGGERS = (
    "SELECT tgrelid::regclass || ' ' || tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1"
)
_LOOKS = (
    "SELECT count(*) FROM job_ticks WHERE id > %s AND type = 'SENSOR' AND status IN ('SKIPPED', 'SUCCESS')"
    " AND tick_body LIKE %s"
)
_ALERTS = "SELECT instigator_body FROM instigators WHERE instigator_body LIKE '%%\"alerts\"%%'"
# A paragraph of a message: what fails, and since when.
_PARAGRAPH = re.compile(r"^[✗✓] (.+): (?:ERROR|WARN), (?:since|from) ([-0-9: ]+) UTC", re.MULTILINE)

# Without these two nobody is told of anything.
_SENSORS = ("alerts", "watch")

Strike = Callable[["Chaos"], None]


@dataclass(frozen=True)
class Fault:
    """Something that happens.

    Attributes:
        what: is done.
        strike: does it, and returns when it is over: when a killed process is dead, a held lock given back.
        within: the deadlines that pass one after the other, from then on, until all is well.
        tells: of what the alerts must tell, as a message names it; empty where it need not come to that.
    """

    what: str
    strike: Strike
    within: Sequence[Deadline]
    tells: str = ""

    @property
    def deadline(self) -> int:
        """In seconds."""
        return sum(deadline.seconds for deadline in self.within)


@dataclass(frozen=True)
class Outcome:
    """What came of a fault.

    Attributes:
        fault: which.
        mode: in which the metrics were kept.
        seconds: until all was well, after the fault was over.
        told: how often each thing that failed was told of.
        wrong: what is not as it should be; empty if nothing.
    """

    fault: Fault
    mode: str
    seconds: float
    told: dict[str, int]
    wrong: list[str]


@dataclass
class Footprint:
    """What there is when nothing happens."""

    processes: int
    connections: int
    triggers: list[str]
    files: set[str]


class Systemd:
    """Starts again what has ended, or does not answer, as the units say; the database's server, too."""

    def __init__(self, production: Production) -> None:
        self._production = production
        self._ended = threading.Event()
        # Taken by whoever lets hours pass: the last heartbeat is hours old then.
        self.looks = threading.Lock()
        self.restarts: Counter[str] = Counter()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        threads = [threading.Thread(target=work) for work in (self._restart, self._look)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._ended.set()
            for thread in threads:
                thread.join()

    def _restart(self) -> None:
        while not self._ended.wait(0.5):
            for name in SERVICES:
                if self._production.topology.processes[name].poll() is not None:
                    self._start(name)
            if postmaster(self._production) is None:
                self._start("database")

    def _start(self, name: str) -> None:
        if self._ended.wait(_RESTART_SECONDS):
            return
        self.restarts[name] += 1
        if name != "database":
            # What it had started ends with it.
            with suppress(ProcessLookupError):
                os.killpg(self._production.topology.processes[name].pid, signal.SIGKILL)
        with suppress(ConfigurationError, OSError):
            self._production.start(name)

    def _look(self) -> None:
        while not self._ended.wait(_HEALTH_SECONDS):
            for name in ("code-server", "webserver", "daemon"):
                with self.looks:
                    alive = self._production.topology.health(name).returncode == 0
                process = self._production.topology.processes[name]
                if not alive and process.poll() is None:
                    process.kill()


@dataclass
class Chaos:
    """Production under faults.

    Attributes:
        production: all of it.
        sink: where alerts arrive.
        factor: by which this machine is slower than one that has nothing else to do.
        mode: in which the metrics are kept.
        tell: gets what is still wrong, when that changes.
        hours: whose refreshes are due once.
        disk: that may be filled.
        impatient: whether the time until the sensors look again passes at once.
    """

    production: Production
    sink: Sink
    factor: float = 1
    mode: Mode = Mode.MATERIALIZED
    tell: Callable[[str], None] = lambda _: None
    hours: list[datetime] = field(default_factory=list)
    disk: Path | None = None
    impatient: bool = False

    def __post_init__(self) -> None:
        self.systemd = Systemd(self.production)
        self._before: Footprint | None = None

    @cached_property
    def _copies(self) -> dict[str, URL]:
        """Databases to fail over to."""
        return {
            "deployed": self.production.databases.deployed("production"),
            "legacy": self.production.databases.legacy("production"),
        }

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """The surroundings of all faults."""
        # The first run leaves the code server a process that looks after its memory.
        self.production.await_refresh(self._approach())
        awaited(self._is_at_rest, 120 * self.factor, pause=0.5)
        self._before = self._footprint()
        with self.systemd.at_work():
            yield

    def keep_metrics(self, mode: Mode) -> None:
        """Switch the mode, by hand."""
        with Deployer(create_database_engine(self.production.database), lambda _: None) as deployer:
            switch(deployer, mode)
        self.mode = mode
        self.expect_triggers()

    def expect_triggers(self) -> None:
        """Those that there are now."""
        assert self._before is not None
        self._before.triggers = self._triggers()

    def suffer(self, fault: Fault) -> Outcome:
        """Let a fault strike, and wait until all is well or too late."""
        self.hours = [self._approach()]
        seen, looked = len(self.sink.messages), self._newest_tick()
        try:
            fault.strike(self)
            missed = []
        except (AssertionError, ValueError, DBAPIError, psycopg.Error, psutil.Error) as error:
            missed = [f"it did not strike as it should ({str(error).splitlines()[0][:200]})"]
        if self.impatient:
            self.production.clock.leap_to(self.production.clock.now() + BETWEEN_LOOKS)
        over = time.monotonic()
        allowed = fault.deadline * self.factor
        wrong = self._wrong(looked)
        while wrong and time.monotonic() < over + allowed:
            time.sleep(1)
            before, wrong = wrong, self._wrong(looked)
            if wrong != before:
                self.tell(f"{time.monotonic() - over:.0f} s: {'; '.join(wrong) or 'well'}")
        seconds = time.monotonic() - over
        told = told_by(self.sink.messages[seen:])
        twice = [f"{what} was told {number} times" for what, number in told.items() if number > 1]
        untold = [f"{fault.tells} was not told of"] if fault.tells not in " ".join(told) else []
        if len(told) > 1:
            twice.append(f"it was told as {len(told)} things")
        return Outcome(fault, str(self.mode), seconds, told, missed + wrong + twice + untold)

    def _approach(self) -> datetime:
        """Let time pass, up to just before an hour.

        Returns:
            That hour.
        """
        clock = self.production.clock
        # Where the clock was moved back, not one that has been.
        hour = max([hour_of(clock.now()), *self.hours]) + HOUR
        with self.systemd.looks:
            clock.leap_to(hour - BEFORE)
            self.production.topology.await_health("daemon", seconds=60 * self.factor)
        return hour

    def _wrong(self, looked: int) -> list[str]:
        """What is not well, the cheapest to find out first; one thing is enough."""
        try:
            with (
                connect(self.production.storage) as storage,
                connect(self.production.database) as shop,
            ):
                return self._found(storage, shop, looked)
        except (DBAPIError, psycopg.Error) as error:
            return [f"the database is away ({str(error).splitlines()[0][:80]})"]

    def _found(self, storage: Connection, shop: Connection, looked: int) -> list[str]:
        refreshes = Counter(self.production.refreshes())
        found = [
            f"{refreshes[hour]} refreshes of {hour:%H:%M}"
            for hour in self.hours
            if refreshes[hour] != 1
        ]
        if unfinished := self.production.unfinished():
            found.append(f"{unfinished} runs unfinished")
        found += [
            f"the sensor {name} does not look"
            for name in _SENSORS
            if not _number(storage, _LOOKS, looked, f'%"{name}"%')
        ]
        if not found:
            found += self._open_alerts(storage)
        if not found:
            found += self._left_behind(storage, shop)
        if not found:
            found += [
                f"the {name} is not ready: {said.stderr.strip()}"
                for name in ("code-server", "webserver", "daemon", "database")
                if (said := self.production.topology.health(name, "--ready")).returncode
            ]
        return found

    def _open_alerts(self, storage: Connection) -> list[str]:
        bodies = storage.exec_driver_sql(_ALERTS).scalars().all()
        states = [
            State.from_cursor(cursor) for body in bodies if (cursor := _cursor(json.loads(body)))
        ]
        now = self.production.clock.now().timestamp()
        return [
            f"{alert.subject} is {'not recovered' if alert.recovered_at is None else 'not told'}"
            for state in states
            for alert in state.alerts.values()
            # Schedules that are off here are told of once, and stay so.
            if not alert.subject.startswith("stopped:")
            if alert.recovered_at is None
            or any(alert.due(target, lambda _: True, now) for target in state.sent)
        ]

    def _left_behind(self, storage: Connection, shop: Connection) -> list[str]:
        assert self._before is not None
        now = self._footprint()
        counts = {what: _number(shop, query) for what, query in _LEFT.items()}
        counts["slots of pools"] = _number(storage, _TAKEN_SLOTS)
        counts["runs' processes"] = len(self.production.runs())
        counts["processes"] = max(now.processes - self._before.processes, 0)
        # Each service may keep one open.
        counts["connections"] = max(now.connections - self._before.connections - len(SERVICES), 0)
        found = [f"{number} {what} left" for what, number in counts.items() if number]
        if now.triggers != self._before.triggers:
            found.append(f"triggers: {set(now.triggers) ^ set(self._before.triggers)}")
        if files := now.files - self._before.files:
            found.append(f"files left: {', '.join(sorted(files)[:3])}")
        return found

    def _footprint(self) -> Footprint:
        return Footprint(
            sum(self._family(name) for name in SERVICES),
            self._connections(),
            self._triggers(),
            _files(self.production.topology.home),
        )

    def _family(self, name: str) -> int:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.production.topology.processes[name].pid)
            return 1 + len(process.children(recursive=True))
        return 0

    def _connections(self) -> int:
        with connect(self.production.storage) as connection:
            return _number(connection, _CONNECTIONS)

    def _triggers(self) -> list[str]:
        with connect(self.production.database) as connection:
            return list(connection.exec_driver_sql(_TRIGGERS).scalars())

    def _is_at_rest(self) -> bool:
        with connect(self.production.storage) as storage:
            return not self.production.runs() and all(
                _number(storage, _LOOKS, 0, f'%"{name}"%') for name in _SENSORS
            )

    def _newest_tick(self) -> int:
        with connect(self.production.storage) as connection:
            return _number(connection, "SELECT coalesce(max(id), 0) FROM job_ticks")

    @contextmanager
    def waiting_refresh(self) -> Iterator[int]:
        """The refresh of the hour stands still, for the length of the block.

        Yields:
            The number of its process in PostgreSQL.
        """
        with suppress(DBAPIError), connect(self.production.database) as holder:
            holder.exec_driver_sql(f"SELECT pg_advisory_lock({_REFRESH_LOCK})")
            (pid,) = awaited(
                lambda: holder.exec_driver_sql(_WAITS_FOR_THE_REFRESH).scalars().all(),
                120 * self.factor,
            )
            yield pid
            holder.exec_driver_sql(f"SELECT pg_advisory_unlock({_REFRESH_LOCK})")

    def await_refresh(self) -> None:
        """The refresh of the hour is done."""
        self.production.await_refresh(self.hours[-1])

    def exchange(self, copy: str) -> None:
        """Put another database in the place of SoleFlip's; that one takes its place."""
        ours, other = str(self.production.database.database), str(self._copies[copy].database)
        with psycopg.connect(
            self.production.server.url("postgres").render_as_string(hide_password=False),
            autocommit=True,
        ) as administrator:
            for name in (ours, other):
                _refuse(administrator, name)
            for old, new in ((ours, "aside"), (other, ours), ("aside", other)):
                administrator.execute(
                    sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                        *map(sql.Identifier, (old, new))
                    )
                )
            for name in (ours, other):
                administrator.execute(
                    sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(sql.Identifier(name))
                )


def told_by(messages: Sequence[dict[str, Any]]) -> dict[str, int]:
    """How often each thing that failed was told of, which is not the same as that it recovered."""
    told: Counter[str] = Counter()
    for message in messages:
        title = message["title"]
        if title.endswith("recovered") and not title.endswith("failed and recovered"):
            continue
        told.update(
            f"{what}, {since}"
            for what, since in _PARAGRAPH.findall(message["message"])
            if not what.endswith(" is stopped")
        )
    return dict(told)


def postmaster(production: Production) -> psutil.Process | None:
    """The server's first process, if it lives."""
    with suppress(OSError, ValueError, IndexError, psutil.NoSuchProcess):
        number = (production.server.data / "postmaster.pid").read_text().split()[0]
        found = psutil.Process(int(number))
        if found.status() != psutil.STATUS_ZOMBIE and found.name().startswith("postgres"):
            return found
    return None


def _refuse(administrator: psycopg.Connection[Any], name: str) -> None:
    administrator.execute(
        sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(name))
    )
    others = "SELECT pid FROM pg_stat_activity WHERE datname = %s"

    def are_gone() -> bool:
        pids = administrator.execute(others, [name]).fetchall()
        for (pid,) in pids:
            administrator.execute("SELECT pg_terminate_backend(%s)", [pid])
        return not pids

    awaited(are_gone)


def _number(connection: Connection, query: str, *parameters: object) -> int:
    return int(connection.exec_driver_sql(query, parameters).scalar_one())


def _cursor(body: Any) -> str:
    """The sensor's cursor in what Dagster keeps of it."""
    if isinstance(body, dict):
        if isinstance(body.get("cursor"), str):
            return str(body["cursor"])
        return next(filter(None, map(_cursor, body.values())), "")
    return ""


def _files(home: Path) -> set[str]:
    """What stands in the home, but for what is kept of each run, and logs."""
    kept = (
        home / "dagster" / "storage",
        home / "dagster" / "history",
        home / "dagster" / ".logs_queue",
    )
    return {
        str(path.relative_to(home))
        for path in home.rglob("*")
        if path.is_file() and not any(path.is_relative_to(folder) for folder in kept)
    }


# The faults.


def killed(name: str) -> Strike:
    """Kill a service."""

    def strike(chaos: Chaos) -> None:
        chaos.production.topology.processes[name].kill()

    return strike


def kill_the_code(chaos: Chaos) -> None:
    """Kill the process that holds the code, not the one that answers for it."""
    server = psutil.Process(chaos.production.topology.processes["code-server"].pid)
    for child in server.children():
        child.kill()


def kill_the_run(chaos: Chaos) -> None:
    """Kill the process of the refresh while it waits for its lock.

    PostgreSQL gives its refresh up before the lock is free, as nobody is there.
    """
    with chaos.waiting_refresh() as pid, connect(chaos.production.database) as watcher:
        (run,) = chaos.production.runs()
        run.kill()
        awaited(
            lambda: pid not in watcher.exec_driver_sql(_WAITS_FOR_THE_REFRESH).scalars().all(),
            60 * chaos.factor,
        )


def kill_the_backend(chaos: Chaos) -> None:
    """Kill the server's process that serves the refresh: PostgreSQL ends all others, and starts anew."""
    with chaos.waiting_refresh() as pid:
        os.kill(pid, signal.SIGKILL)


def kill_the_postmaster(chaos: Chaos) -> None:
    """Kill the server's first process."""
    process = postmaster(chaos.production)
    assert process is not None
    process.kill()


def end_all_sessions(chaos: Chaos) -> None:
    """As an administrator does, in the middle of a refresh."""
    with chaos.waiting_refresh(), connect(chaos.production.storage) as administrator:
        administrator.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )


def hold_the_table(seconds: float) -> Strike:
    """Lock the table that everything is about."""

    def strike(chaos: Chaos) -> None:
        with create_database_engine(chaos.production.database).begin() as holder:
            holder.exec_driver_sql("LOCK TABLE inventory.stock IN ACCESS EXCLUSIVE MODE")
            time.sleep(seconds)

    return strike


def swallow(chaos: Chaos) -> None:
    """All connections are forgotten while a refresh waits for its answer; new ones go through."""
    with chaos.waiting_refresh():
        chaos.production.proxy.swallow_for_good()


def swallow_all(seconds: float) -> Strike:
    """For a time nothing goes through, and what there is then never again."""

    def strike(chaos: Chaos) -> None:
        proxy = chaos.production.proxy
        proxy.swallows_all = True
        time.sleep(seconds)
        proxy.swallow_for_good()
        proxy.swallows_all = False

    return strike


def reset(seconds: float) -> Strike:
    """All connections are reset while a refresh waits, and for a time new ones, too."""

    def strike(chaos: Chaos) -> None:
        with chaos.waiting_refresh():
            chaos.production.proxy.reset(also_new=True)
            time.sleep(seconds)
            chaos.production.proxy.reset(also_new=False)

    return strike


def delay(seconds: float, by: float) -> Strike:
    """Each piece is held back."""

    def strike(chaos: Chaos) -> None:
        chaos.production.proxy.delay = by
        time.sleep(seconds)
        chaos.production.proxy.delay = 0

    return strike


def hour_ahead(chaos: Chaos) -> None:
    """The clock is moved an hour ahead, in which one more refresh is due."""
    chaos.await_refresh()
    chaos.production.clock.leap_to(chaos.production.clock.now() + HOUR)
    chaos.hours.append(chaos.hours[-1] + HOUR)


def hour_back(chaos: Chaos) -> None:
    """The clock is moved an hour back: the same hour passes again."""
    chaos.await_refresh()
    chaos.production.clock.leap_to(chaos.production.clock.now() - HOUR)


def fill_the_disk(seconds: float) -> Strike:
    """No room is left where the server's data and all logs are."""

    def strike(chaos: Chaos) -> None:
        assert chaos.disk is not None
        ballast = chaos.disk / "ballast"
        until = time.monotonic() + seconds
        with ballast.open("wb", buffering=0) as file:
            # What somebody gives back is taken, too.
            while time.monotonic() < until:
                with suppress(OSError):
                    while file.write(bytes(65536)):
                        pass
                time.sleep(0.2)
        ballast.unlink()

    return strike


def fail_over_to_an_older_copy(chaos: Chaos) -> None:
    """One that was deployed, before all that was since."""
    chaos.exchange("deployed")
    chaos.mode = Mode.MATERIALIZED
    chaos.expect_triggers()


def fail_over_to_before_the_deployment(chaos: Chaos) -> None:
    """Until somebody is told, and has put the right one back."""
    chaos.await_refresh()
    seen = len(chaos.sink.messages)
    chaos.exchange("legacy")
    awaited(
        lambda: any("older copy" in message["message"] for message in chaos.sink.messages[seen:]),
        60 * chaos.factor,
    )
    chaos.exchange("legacy")


_START = (deadlines.READY,)
_TICKS = (deadlines.WATCH, deadlines.TICK)
KILLED_DAEMON = Fault("`kill -9` of the daemon", killed("daemon"), _START)
KILLED_RUN = Fault(
    "`kill -9` of the refresh's process",
    kill_the_run,
    (deadlines.LOST_RUN, deadlines.START),
    "job refresh_stock_metrics",
)
FAULTS = (
    KILLED_RUN,
    Fault("`LOCK TABLE inventory.stock` held for two minutes", hold_the_table(120), _TICKS),
    Fault("the clock is moved back by an hour", hour_back, _TICKS),
    Fault("a proxy forgets all connections", swallow, (deadlines.ANSWER_LOST, *_TICKS)),
    Fault(
        "a failover to a copy from before the deployment",
        fail_over_to_before_the_deployment,
        _TICKS,
        "ticks of the sensor watch",
    ),
    Fault(
        "a proxy resets all connections, and for 10 s new ones",
        reset(10),
        (deadlines.TICK, *_START),
    ),
    Fault(
        "`kill -9` of the refresh's backend",
        kill_the_backend,
        (deadlines.LOST_RUN, deadlines.START),
    ),
    Fault("the clock is moved ahead by an hour", hour_ahead, _TICKS),
    Fault("a failover to an older copy", fail_over_to_an_older_copy, _TICKS),
    Fault("`kill -9` of the postmaster", kill_the_postmaster, (deadlines.LOST_RUN, *_START)),
    Fault(
        "a proxy swallows everything for 40 s", swallow_all(40), (deadlines.ANSWER_LOST, *_TICKS)
    ),
    Fault("`kill -9` of the code server", killed("code-server"), _START, "the code server"),
    Fault("`kill -9` of the process that holds the code", kill_the_code, _START, "the code server"),
    KILLED_DAEMON,
    Fault(
        "`pg_terminate_backend` of all sessions",
        end_all_sessions,
        (deadlines.LOST_RUN, deadlines.START),
    ),
    Fault("a proxy delays each piece by 0.1 s, for 30 s", delay(30, 0.1), _TICKS),
    Fault("`kill -9` of the webserver", killed("webserver"), _START),
    Fault("`kill -9` of the viewers' webserver", killed("viewers"), _START),
)
# Needs a disk of its own.
FULL_DISK = Fault("the disk is full for 30 s", fill_the_disk(30), (deadlines.LOST_RUN, *_START))
