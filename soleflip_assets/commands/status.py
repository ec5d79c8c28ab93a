"""What ``soleflip status`` tells: is all that should be alive alive, and has everybody been told.

Reads Dagster's instance and the age of the view; runs nothing. Here: reading, and what counts as dead. Not
here: what is done about it, which is the runbook's.
"""

import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from sqlalchemy import Connection
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from soleflip_assets.alerts.sensor import alerts, remembered
from soleflip_assets.alerts.state import State
from soleflip_assets.ground import deadlines
from soleflip_assets.ground.database import create_database_engine, query_one, set_limits
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
from soleflip_assets.running.slow import slow_runs

# The alerts look every ten seconds, the watch every thirty; a tick may take a minute.
_SILENT_AFTER_SECONDS = 120

# From here on what an hourly refresh writes anew is worth a queue of what changed.
SLOW_REFRESH_SECONDS = 10


@dataclass(frozen=True)
class Status:
    """The state of the platform.

    Attributes:
        dead: what is dead or stuck, a sentence each; empty if all is well.
        daemons: by name, whether its heart beats, and when it last did.
        instigators: schedules and sensors, with their last ticks.
        last_refresh: when the view was refreshed, and how long ago; None before the deployment.
        pg_cron: its job that refreshes, and how that last ended; None where the schedule refreshes.
        failing: what the alerts know to be wrong.
        last_alert: the message that was delivered last; None if there was none.
        undelivered: the targets that did not take their last message.
        advice: what would do better in another way.
    """

    dead: list[str]
    daemons: list[dict[str, Any]]
    instigators: list[dict[str, Any]]
    last_refresh: dict[str, Any] | None
    pg_cron: dict[str, Any] | None
    failing: list[dict[str, Any]]
    last_alert: dict[str, Any] | None
    undelivered: list[dict[str, Any]]
    advice: list[str]

    @property
    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {"alive": not self.dead, **asdict(self)}

    @property
    def lines(self) -> list[str]:
        """For a terminal."""
        refresh, alert = self.last_refresh, self.last_alert
        return [
            *(_line(daemon["healthy"], f"daemon {daemon['name']}") for daemon in self.daemons),
            *(_line(found["running"], _last_tick(found)) for found in self.instigators),
            f"  last refresh: {refresh['at'] if refresh else 'none'}",
            *([_pg_cron_line(self.pg_cron)] if self.pg_cron else []),
            f"  last alert: {alert['at'] + ' ' + alert['title'] if alert else 'none'}",
            *(_line(False, f"{fault['subject']} since {fault['since']}") for fault in self.failing),
            *(
                _line(False, f"{target['target']} refused alerts; next try {target['next_try']}")
                for target in self.undelivered
            ),
            *(f"  advice: {sentence}" for sentence in self.advice),
        ]


def _line(well: bool, text: str) -> str:
    return f"{'✓' if well else '✗'} {text}"


def _pg_cron_line(job: dict[str, Any]) -> str:
    ended = f"{job['last_status']} at {job['last_run']}" if job["last_run"] else "no run yet"
    return _line(job["last_status"] != "failed", f"pg_cron refreshes ({job['schedule']}): {ended}")


def _last_tick(instigator: dict[str, Any]) -> str:
    if instigator["last_tick"] is None:
        return f"{instigator['name']}: no tick yet"
    return f"{instigator['name']}: {instigator['last_tick_status']} at {instigator['last_tick']}"


def current_status(url: URL) -> Status:
    """Look at the Dagster instance of the environment and at SoleFlip's database.

    Args:
        url: SoleFlip's database.
    """
    # Here and not at the top: loading the definitions reads the environment that a command has to prepare.
    from soleflip_assets.definitions import defs  # noqa: PLC0415

    with dg.DagsterInstance.get() as instance, create_database_engine(url).connect() as connection:
        return read_status(instance, defs.get_repository_def(), connection)


def read_status(
    instance: dg.DagsterInstance, repository: dg.RepositoryDefinition, connection: Connection
) -> Status:
    """Look at everything once.

    Args:
        instance: Dagster's.
        repository: whose schedules and sensors should be running.
        connection: SoleFlip's database.
    """
    now = time.time()
    state = remembered(instance)
    daemons = _daemons(instance)
    instigators = _instigators(instance, repository)
    seen = _look(connection, watching(instance))
    last_refresh, refreshing = seen.last_refresh, seen.pg_cron
    undelivered = _undelivered(state)
    dead = [f"the daemon {daemon['name']} is dead" for daemon in daemons if not daemon["healthy"]]
    dead += [why for instigator in instigators if (why := _dead_instigator(instigator, now))]
    if (
        last_refresh
        and last_refresh["age_seconds"] > Freshness.from_environment().error.total_seconds()
    ):
        dead.append(f"the metrics were last refreshed at {last_refresh['at']}")
    if refreshing and refreshing["last_status"] == "failed":
        dead.append(f"pg_cron's last refresh failed: {refreshing['message']}")
    dead += [f"{target['target']} does not take alerts" for target in undelivered]
    dead += [
        f"runs {kind} for too long: {', '.join(runs)}"
        for kind, runs in slow_runs(instance, now).items()
        if runs
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
    last_refresh: dict[str, Any] | None = None
    pg_cron: dict[str, Any] | None = None
    advice: list[str] = field(default_factory=list)


def _look(connection: Connection, memory: Memory) -> _Seen:
    """Look at SoleFlip's database, a few seconds at each thing: whoever locks it must not stop this, too."""
    try:
        set_limits(connection, lock=deadlines.WATCH_LOCK, statement=deadlines.WATCH)
        try:
            require_still_deployed(connection, memory)
        except UndeployedError as error:
            return _Seen([str(error).rstrip(".")])
        failing = [] if memory.deployed is None else _failing_checks(connection)
        return _Seen(
            failing, _last_refresh(connection), _pg_cron(connection), advice_on_mode(connection)
        )
    except DBAPIError as error:
        said = " ".join(str(error.orig).split())
        return _Seen([f"SoleFlip's database cannot be looked at ({said}): does somebody lock it"])


def _failing_checks(connection: Connection) -> list[str]:
    """The checks of the sensor `watch`, looked at now; the age of the metrics is told elsewhere."""
    results = [
        (monitor, monitor.look(connection)) for monitor in WATCHED if monitor not in FRESHNESS
    ]
    return [
        f"{monitor.name}: {monitor.meaning} "
        + "; ".join(map(str, finding.observed.get("examples") or []))
        for monitor, finding in results
        if not finding.passed
    ]


def advice_on_mode(connection: Connection) -> list[str]:
    """Whether the metrics should be kept in the other mode: by how long the last refresh took."""
    if not query_one(connection, "metrics/is_deployed.sql")["deployed"]:
        return []
    seconds = query_one(connection, "metrics/last_refresh.sql")["refresh_seconds"]
    if current_mode(connection) is Mode.INCREMENTAL or (seconds or 0) < SLOW_REFRESH_SECONDS:
        return []
    return [
        f"a refresh takes {seconds:.0f} s: `soleflip metrics --mode incremental` makes it cost what changed"
    ]


def _daemons(instance: dg.DagsterInstance) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "healthy": bool(daemon.healthy),
            "last_heartbeat": _moment(daemon.last_heartbeat.timestamp)
            if daemon.last_heartbeat
            else None,
        }
        for name, daemon in sorted(instance.get_daemon_statuses().items())
    ]


def _instigators(
    instance: dg.DagsterInstance, repository: dg.RepositoryDefinition
) -> list[dict[str, Any]]:
    known = {found.name: found for found in instance.all_instigator_state()}
    definitions: list[dg.ScheduleDefinition | dg.SensorDefinition] = [
        *repository.schedule_defs,
        *repository.sensor_defs,
    ]
    return [
        _instigator(instance, definition, known.get(definition.name)) for definition in definitions
    ]


def _instigator(instance: dg.DagsterInstance, definition: Any, state: Any) -> dict[str, Any]:
    """A schedule or sensor; it has no state before the daemon has seen it."""
    ticks = (
        instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=2) if state else []
    )
    ended = next((tick for tick in ticks if tick.status.value != "STARTED"), None)
    default = str(definition.default_status.value)
    status = str(state.status.value) if state else default
    return {
        "name": definition.name,
        "running": (default if status == "DECLARED_IN_CODE" else status) == "RUNNING",
        "should_run": default == "RUNNING",
        "last_tick": _moment(ended.timestamp) if ended else None,
        "last_tick_status": str(ended.status.value) if ended else None,
    }


def _dead_instigator(instigator: dict[str, Any], now: float) -> str:
    name = instigator["name"]
    if instigator["should_run"] and not instigator["running"]:
        return f"{name} is stopped"
    if instigator["last_tick_status"] == "FAILURE":
        return f"the last tick of {name} failed"
    if name in (alerts.name, watch.name) and instigator["last_tick"]:
        silent = now - datetime.fromisoformat(instigator["last_tick"]).timestamp()
        if silent > _SILENT_AFTER_SECONDS:
            return f"{name} has not looked for {silent / 60:.0f} minutes"
    return ""


def _last_refresh(connection: Connection) -> dict[str, Any] | None:
    if not query_one(connection, "metrics/is_deployed.sql")["deployed"]:
        return None
    row = query_one(connection, "metrics/last_refresh.sql")
    if row["last_refresh"] is None:
        return None
    return {
        "at": _moment(row["last_refresh"].timestamp()),
        "age_seconds": round(row["age_seconds"], 1),
        "rows": row["total_records"],
    }


def _pg_cron(connection: Connection) -> dict[str, Any] | None:
    found = pg_cron.job(connection.engine)
    if found is None:
        return None
    return {
        "job": found["name"],
        "schedule": found["schedule"],
        "last_run": _moment(found["started_at"].timestamp()) if found["started_at"] else None,
        "last_status": found["status"],
        "message": found["message"],
    }


def _failing(state: State | None) -> list[dict[str, Any]]:
    if state is None:
        return []
    return [
        {
            "subject": alert.subject,
            "severity": alert.severity.name,
            "since": _moment(alert.since),
            "detail": alert.detail,
        }
        for alert in state.alerts.values()
        if alert.recovered_at is None
    ]


def _last_alert(state: State | None) -> dict[str, Any] | None:
    if state is None or state.last_message is None:
        return None
    return {"at": _moment(state.last_message.at), "title": state.last_message.title}


def _undelivered(state: State | None) -> list[dict[str, Any]]:
    if state is None:
        return []
    return [
        {"target": name, "failures": reach.failures, "next_try": _moment(reach.retry_at)}
        for name, reach in state.targets.items()
    ]


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
