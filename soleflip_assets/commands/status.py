"""What ``soleflip status`` tells: is all that should be alive alive, and has everybody been told.

Reads Dagster's instance and the age of the view; runs nothing. Here: reading, and what counts as dead. Not
here: what is done about it, which is the runbook's.
"""

import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from sqlalchemy import Connection, Engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from soleflip_assets import definitions
from soleflip_assets.alerts.sensor import alerts, remembered
from soleflip_assets.alerts.state import State
from soleflip_assets.checks.shown import explanation
from soleflip_assets.commands.terminal import counted, is_verbose, lines_of
from soleflip_assets.deploying import ledger
from soleflip_assets.ground import deadlines
from soleflip_assets.ground.database import query_one
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.metrics import pg_cron
from soleflip_assets.metrics.freshness import FRESHNESS, Freshness
from soleflip_assets.metrics.mode import Mode, current_mode
from soleflip_assets.monitoring.watch import (
    WATCHED,
    Memory,
    UndeployedError,
    require_still_deployed,
    watch,
)
from soleflip_assets.monitoring.watch import remembered as watching
from soleflip_assets.running.lost import lost_runs
from soleflip_assets.running.slow import slow_runs

# How a tick ended, for people.
_ENDED = {"SUCCESS": "done", "SKIPPED": "nothing to do", "FAILURE": "failed"}
# The alerts look every ten seconds, the watch every thirty; a tick may take a minute.
_SILENT_AFTER_SECONDS = 120

# From here on what an hourly refresh writes anew is worth a queue of what changed.
SLOW_REFRESH_SECONDS = 10


@dataclass(frozen=True)
class Daemon:
    """One of Dagster's daemons.

    Attributes:
        name: its name.
        healthy: whether its heart beats.
        last_heartbeat: when it last did; None if never.
    """

    name: str
    healthy: bool
    last_heartbeat: str | None


@dataclass(frozen=True)
class Instigator:
    """A schedule or a sensor.

    Attributes:
        name: its name.
        running: whether it is switched on.
        should_run: whether it is by default.
        last_tick: when its last tick ended; None before the first.
        last_tick_status: how that ended: SUCCESS, SKIPPED or FAILURE.
    """

    name: str
    running: bool
    should_run: bool
    last_tick: str | None
    last_tick_status: str | None

    def fault(self, now: float) -> str:
        """What is wrong with it at a moment, in seconds since 1970; empty if nothing is."""
        if self.should_run and not self.running:
            return f"{self.name} is stopped"
        if self.last_tick_status == "FAILURE":
            return f"the last tick of {self.name} failed"
        if self.name in (alerts.name, watch.name) and self.last_tick:
            silent = now - datetime.fromisoformat(self.last_tick).timestamp()
            if silent > _SILENT_AFTER_SECONDS:
                return f"{self.name} has not looked for {silent / 60:.0f} minutes"
        return ""

    def __str__(self) -> str:
        """Its last tick."""
        if self.last_tick is None:
            return f"{self.name}: no tick yet"
        ended = _ENDED.get(self.last_tick_status or "", self.last_tick_status)
        return f"{self.name}: {ended} at {_told(self.last_tick)}"


@dataclass(frozen=True)
class Refresh:
    """The last refresh of the view.

    Attributes:
        at: when.
        age_seconds: how long ago.
        rows: in the view.
    """

    at: str
    age_seconds: float
    rows: int

    def __str__(self) -> str:
        """When, and how much."""
        return f"{_told(self.at)}, {counted(self.rows, 'row')}"


@dataclass(frozen=True)
class PgCronJob:
    """The job of pg_cron that refreshes.

    Attributes:
        job: its name.
        schedule: in cron's form.
        last_run: when it last ran; None before the first time.
        last_status: how that ended.
        message: what it said.
    """

    job: str
    schedule: str
    last_run: str | None
    last_status: str | None
    message: str | None

    def __str__(self) -> str:
        """Its last run."""
        ended = f"{self.last_status} at {_told(self.last_run)}" if self.last_run else "no run yet"
        return f"pg_cron refreshes ({self.schedule}): {ended}"


@dataclass(frozen=True)
class Fault:
    """Something that the alerts know to be wrong.

    Attributes:
        subject: what, as alerts name it.
        severity: WARN or ERROR.
        since: when it began.
        detail: what was said of it.
    """

    subject: str
    severity: str
    since: str
    detail: str


@dataclass(frozen=True)
class SentAlert:
    """A message that was delivered.

    Attributes:
        at: when.
        title: its first line.
    """

    at: str
    title: str


@dataclass(frozen=True)
class Unreached:
    """A target that did not take its last message.

    Attributes:
        target: its name, without what is secret.
        failures: tries in a row.
        next_try: when it is tried again.
    """

    target: str
    failures: int
    next_try: str


@dataclass(frozen=True)
class Status:
    """The state of the platform.

    Attributes:
        dead: what is dead or stuck, a sentence each; empty if all is well.
        daemons: in order of their names.
        instigators: schedules, then sensors.
        last_refresh: None before the deployment.
        pg_cron: None where the schedule refreshes.
        failing: what has not recovered.
        last_alert: None if there was none.
        undelivered: by target.
        advice: what would do better in another way.
    """

    dead: list[str]
    daemons: list[Daemon]
    instigators: list[Instigator]
    last_refresh: Refresh | None
    pg_cron: PgCronJob | None
    failing: list[Fault]
    last_alert: SentAlert | None
    undelivered: list[Unreached]
    advice: list[str]

    @property
    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {"alive": not self.dead, **asdict(self)}

    @property
    def lines(self) -> list[str]:
        """For a terminal."""
        refresh, job, alert = self.last_refresh, self.pg_cron, self.last_alert
        beating = [daemon for daemon in self.daemons if daemon.healthy]
        shown = self.daemons if is_verbose() else [one for one in self.daemons if not one.healthy]
        return [
            *([_line(True, f"{counted(len(beating), 'daemon')} alive")] if beating else []),
            *(_line(daemon.healthy, f"daemon {daemon.name}") for daemon in shown),
            *(_line(found.running, str(found)) for found in self.instigators),
            f"  last refresh: {refresh or 'none'}",
            *([_line(job.last_status != "failed", str(job))] if job else []),
            f"  last alert: {f'{_told(alert.at)} {alert.title}' if alert else 'none'}",
            *lines_of(
                [_line(False, f"{one.subject} since {_told(one.since)}") for one in self.failing]
            ),
            *(
                _line(False, f"{reach.target} refused alerts; next try {_told(reach.next_try)}")
                for reach in self.undelivered
            ),
            *(f"  advice: {sentence}" for sentence in self.advice),
        ]

    @property
    def told_dead(self) -> list[str]:
        """What is dead, for a person: several daemons have one cause, and one remedy."""
        silent = [daemon for daemon in self.daemons if not daemon.healthy]
        if len(silent) < 2:  # noqa: PLR2004 one alone is told by its name
            return self.dead
        names = ", ".join(daemon.name for daemon in silent)
        each = [_dead(daemon) for daemon in silent]
        together = (
            f"{len(silent)} of {len(self.daemons)} daemons are dead ({names}), so nothing happens by the "
            "clock: start `soleflip up`, or in production the service of the daemon"
        )
        return [
            together,
            *(sentence for sentence in self.dead if sentence not in each),
        ]


def _dead(daemon: Daemon) -> str:
    return f"the daemon {daemon.name} is dead"


def _line(well: bool, text: str) -> str:
    return f"{'✓' if well else '✗'} {text}"


def current_status(url: URL) -> Status:
    """Look at the Dagster instance of the environment and at SoleFlip's database.

    Args:
        url: SoleFlip's database.
    """
    with dg.DagsterInstance.get() as instance, looking_engine(url).connect() as connection:
        return read_status(instance, definitions.defs.get_repository_def(), connection)


def looking_engine(url: URL) -> Engine:
    """An engine whose statements have seconds each: whoever locks the database does not stop the status."""
    return create_database_engine(
        url,
        lock_timeout=deadlines.WATCH_LOCK.milliseconds,
        statement_timeout=deadlines.WATCH.milliseconds,
    )


def read_status(
    instance: dg.DagsterInstance, repository: dg.RepositoryDefinition, connection: Connection
) -> Status:
    """Look at everything once.

    Args:
        instance: Dagster's.
        repository: whose schedules and sensors should be running.
        connection: SoleFlip's database, from :func:`looking_engine`.
    """
    now = time.time()
    state = remembered(instance)
    daemons = _daemons(instance)
    instigators = _instigators(instance, repository)
    seen = _look(connection, watching(instance))
    last_refresh, refreshing = seen.last_refresh, seen.pg_cron
    undelivered = _undelivered(state)
    dead = [_dead(daemon) for daemon in daemons if not daemon.healthy]
    dead += [why for instigator in instigators if (why := instigator.fault(now))]
    oldest = Freshness.from_environment().error.total_seconds()
    if last_refresh and last_refresh.age_seconds > oldest:
        dead.append(f"the metrics were last refreshed at {last_refresh.at}")
    if refreshing and refreshing.last_status == "failed":
        dead.append(f"pg_cron's last refresh failed: {refreshing.message}")
    dead += [f"{reach.target} does not take alerts" for reach in undelivered]
    dead += [
        f"runs {kind} for too long: {', '.join(runs)}"
        for kind, runs in slow_runs(instance, now).items()
        if runs
    ]
    dead += [
        f"run {run.run_id[:8]} of {run.job_name} has stopped, as {process}, which did it, is gone: run the "
        "same again, and it resumes; the next command, or the daemon, ends what is left of this one"
        for run, process in lost_runs(instance)
    ]
    dead += seen.dead
    return Status(
        dead=dead,
        daemons=daemons,
        instigators=instigators,
        last_refresh=last_refresh,
        pg_cron=refreshing,
        failing=_failing(state),
        last_alert=_last_alert(state),
        undelivered=undelivered,
        advice=seen.advice,
    )


@dataclass(frozen=True)
class _Seen:
    """What SoleFlip's database shows."""

    dead: list[str]
    last_refresh: Refresh | None = None
    pg_cron: PgCronJob | None = None
    advice: list[str] = field(default_factory=list)


def _look(connection: Connection, memory: Memory) -> _Seen:
    """Look at SoleFlip's database; where it is locked, that is what is seen."""
    try:
        try:
            require_still_deployed(connection, memory)
        except UndeployedError as error:
            return _Seen([str(error).rstrip(".")])
        deployed = ledger.deployed_at(connection) is not None
        failing = _failing_checks(connection) if deployed else _unfinished(connection)
        return _Seen(
            failing, _last_refresh(connection), _pg_cron(connection), advice_on_mode(connection)
        )
    except DBAPIError as error:
        said = " ".join(str(error.orig).split())
        return _Seen(
            [
                f"SoleFlip's database cannot be looked at ({said}): see pg_stat_activity for who holds it up"
            ]
        )


def _unfinished(connection: Connection) -> list[str]:
    """Where Phase 2 is not deployed: that a deployment, or its way back, died on the way."""
    died = ledger.has_begun(connection) and not ledger.is_at_work(connection)
    return [ledger.UNFINISHED] if died else []


def _failing_checks(connection: Connection) -> list[str]:
    """The checks of the sensor `watch`, looked at now; the age of the metrics is told elsewhere."""
    looked = [
        (monitor, monitor.look(connection)) for monitor in WATCHED if monitor not in FRESHNESS
    ]
    # Whoever shows a sentence ends it.
    return [
        f"{monitor.name}: {explanation(monitor.name, monitor.meaning, answer.observed)}".rstrip(".")
        for monitor, answer in looked
        if not answer.passed
    ]


def advice_on_mode(connection: Connection) -> list[str]:
    """Whether the metrics should be kept in the other mode: by how long the last refresh took."""
    if ledger.deployed_at(connection) is None:
        return []
    seconds = query_one(connection, "metrics/last_refresh.sql")["refresh_seconds"]
    if current_mode(connection) is Mode.INCREMENTAL or (seconds or 0) < SLOW_REFRESH_SECONDS:
        return []
    return [
        f"a refresh takes {seconds:.0f} s: `soleflip metrics --mode incremental` makes it cost what changed"
    ]


def _daemons(instance: dg.DagsterInstance) -> list[Daemon]:
    return [
        Daemon(
            name,
            healthy=bool(daemon.healthy),
            last_heartbeat=_moment(daemon.last_heartbeat.timestamp)
            if daemon.last_heartbeat
            else None,
        )
        for name, daemon in sorted(instance.get_daemon_statuses().items())
    ]


def _instigators(
    instance: dg.DagsterInstance, repository: dg.RepositoryDefinition
) -> list[Instigator]:
    known = {found.name: found for found in instance.all_instigator_state()}
    definitions: list[dg.ScheduleDefinition | dg.SensorDefinition] = [
        *repository.schedule_defs,
        *repository.sensor_defs,
    ]
    return [
        _instigator(instance, definition, known.get(definition.name)) for definition in definitions
    ]


def _instigator(instance: dg.DagsterInstance, definition: Any, state: Any) -> Instigator:
    """A schedule or sensor; it has no state before the daemon has seen it."""
    ticks = (
        instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=2) if state else []
    )
    ended = next((tick for tick in ticks if tick.status.value != "STARTED"), None)
    default = str(definition.default_status.value)
    status = str(state.status.value) if state else default
    return Instigator(
        definition.name,
        running=(default if status == "DECLARED_IN_CODE" else status) == "RUNNING",
        should_run=default == "RUNNING",
        last_tick=_moment(ended.timestamp) if ended else None,
        last_tick_status=str(ended.status.value) if ended else None,
    )


def _last_refresh(connection: Connection) -> Refresh | None:
    if ledger.deployed_at(connection) is None:
        return None
    row = query_one(connection, "metrics/last_refresh.sql")
    if row["last_refresh"] is None:
        return None
    return Refresh(
        at=_moment(row["last_refresh"].timestamp()),
        age_seconds=round(row["age_seconds"], 1),
        rows=row["total_records"],
    )


def _pg_cron(connection: Connection) -> PgCronJob | None:
    found = pg_cron.job(connection.engine)
    if found is None:
        return None
    return PgCronJob(
        job=found["name"],
        schedule=found["schedule"],
        last_run=_moment(found["started_at"].timestamp()) if found["started_at"] else None,
        last_status=found["status"],
        message=found["message"],
    )


def _failing(state: State | None) -> list[Fault]:
    if state is None:
        return []
    return [
        Fault(alert.subject, alert.severity.name, _moment(alert.since), alert.detail)
        for alert in state.faults
    ]


def _last_alert(state: State | None) -> SentAlert | None:
    if state is None or state.last_message is None:
        return None
    return SentAlert(_moment(state.last_message.at), state.last_message.title)


def _undelivered(state: State | None) -> list[Unreached]:
    if state is None:
        return []
    return [
        Unreached(name, reach.failures, _moment(reach.retry_at))
        for name, reach in state.targets.items()
    ]


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _told(moment: str) -> str:
    """A moment as people read it."""
    return f"{datetime.fromisoformat(moment):%Y-%m-%d %H:%M:%S} UTC"
