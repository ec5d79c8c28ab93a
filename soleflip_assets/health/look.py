"""Looking at everything at once: what is wrong, what runs by the clock, what the stock amounts to.

Here: reading what others have found and recorded. Not here: finding faults, which checks do and the alerts
remember, or how it is shown (page.py).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg

# nothing public computes a tick
from sqlalchemy.exc import DBAPIError

from soleflip_assets.alerts.message import LOCATION, page_of, runbook_section, told
from soleflip_assets.alerts.sensor import alerts as alerts_sensor
from soleflip_assets.alerts.sensor import remembered
from soleflip_assets.alerts.state import Alert, Severity
from soleflip_assets.deploying import ledger
from soleflip_assets.ground import deadlines, runbook
from soleflip_assets.ground.assets import key_of
from soleflip_assets.ground.errors import DATABASE
from soleflip_assets.ground.resource import Database
from soleflip_assets.ground.tables import STOCK_METRICS_VIEW
from soleflip_assets.metrics.figures import FIGURES
from soleflip_assets.metrics.freshness import FRESHNESS

# The alerts look every ten seconds; a tick may take a minute.
SILENT_AFTER_SECONDS = 120


@dataclass(frozen=True)
class Fault:
    """Something that is wrong.

    Attributes:
        name: of what is wrong.
        what: the same in a few words.
        severity: how bad.
        since: when it began; None where nobody has written it down.
        first: what to do first.
        page: where the UI shows it; empty where it does not.
        steps: where the runbook says the rest.
    """

    name: str
    what: str
    severity: Severity
    since: datetime | None
    first: str
    page: str
    steps: str


@dataclass(frozen=True)
class Clockwork:
    """A schedule or sensor.

    Attributes:
        name: its name.
        on: whether it is switched on.
        last: when it last ticked; None before the first time.
        result: how that ended, in a word.
        next: when it ticks next; None if it is off.
    """

    name: str
    on: bool
    last: datetime | None
    result: str
    next: datetime | None


@dataclass(frozen=True)
class Health:
    """How everything is at a moment.

    Attributes:
        at: when.
        deployed: whether Phase 2 is; None where the database does not say.
        faults: what is wrong, the worst first.
        dead_daemons: the names of those whose heart does not beat.
        clockworks: schedules and sensors, the next to tick first.
        metrics_age_seconds: since the last refresh; None before the first.
        figures: of the last refresh; empty before the first.
    """

    at: datetime
    deployed: bool | None
    faults: list[Fault]
    dead_daemons: list[str]
    clockworks: list[Clockwork]
    metrics_age_seconds: float | None
    figures: Mapping[str, float]


def look(
    instance: dg.DagsterInstance,
    repository: dg.RepositoryDefinition,
    database: Database,
    now: datetime,
) -> Health:
    """Look once; whatever does not answer is a fault, and ends nothing.

    Args:
        instance: Dagster's.
        repository: whose schedules and sensors.
        database: SoleFlip's.
        now: the time.
    """
    dead = sorted(
        name for name, status in instance.get_daemon_statuses().items() if not status.healthy
    )
    state = remembered(instance)
    alerts = state.faults if state else []
    clockworks = list(_clockworks(instance, repository, now))
    deployed, age, unanswered = _ask(database)
    faults = [
        *(_of_daemon(name) for name in dead),
        *(_of_alert(alert) for alert in alerts),
        *(fault for one in clockworks for fault in _of_alerts_sensor(one, now)),
        *(fault for fault in unanswered if all(fault.name != alert.subject for alert in alerts)),
    ]
    return Health(
        at=now,
        deployed=deployed,
        faults=sorted(faults, key=lambda fault: -fault.severity),
        dead_daemons=dead,
        clockworks=sorted(clockworks, key=lambda one: (one.next is None, one.next, one.name)),
        metrics_age_seconds=age,
        figures=_figures(instance),
    )


def _of_daemon(name: str) -> Fault:
    return Fault(
        f"daemon {name}",
        f"Dagster's daemon {name} is dead: what it starts does not happen",
        Severity.ERROR,
        None,
        "Start it again: `soleflip up`, or the service of the daemon in production.",
        "/deployment/health",
        runbook.link("watch"),
    )


def _of_alert(alert: Alert) -> Fault:
    section = runbook_section(alert)
    return Fault(
        alert.subject.rpartition(":")[2],
        told(alert),
        alert.severity,
        datetime.fromtimestamp(alert.since, UTC),
        runbook.first_step(section),
        page_of(alert),
        runbook.link(section),
    )


def _of_alerts_sensor(one: Clockwork, now: datetime) -> Iterator[Fault]:
    """Whoever tells of all other faults cannot tell of its own."""
    if one.name != alerts_sensor.name or not one.on or one.last is None:
        return
    silent = (now - one.last).total_seconds() > SILENT_AFTER_SECONDS
    if silent or one.result == "failure":
        yield Fault(
            f"sensor {one.name}",
            f"the sensor {one.name} {'does not look' if silent else 'fails'}: nobody is told of anything",
            Severity.ERROR,
            one.last,
            runbook.first_step("a-tick-failed"),
            f"/locations/{LOCATION}/sensors/{one.name}",
            runbook.link("a-tick-failed"),
        )


def _ask(database: Database) -> tuple[bool | None, float | None, list[Fault]]:
    """Whether Phase 2 is deployed, how old the metrics are, and what stood in the way of asking."""
    try:
        with database.limited(lock=deadlines.WATCH_LOCK, statement=deadlines.WATCH) as connection:
            if ledger.deployed_at(connection) is None:
                return False, None, []
            age = FRESHNESS[0].look(connection).observed.get("age_seconds")
            return True, None if age is None else float(age), []
    except DBAPIError as error:
        said = " ".join(str(error.orig).split())
        fault = Fault(
            DATABASE,
            f"SoleFlip's database does not answer: {said}",
            Severity.ERROR,
            None,
            runbook.first_step("the-database-does-not-answer"),
            "",
            runbook.link("the-database-does-not-answer"),
        )
        return None, None, [fault]


def _figures(instance: dg.DagsterInstance) -> dict[str, float]:
    """Those of the last refresh that Dagster recorded, which is at most an hour old; asking costs a scan."""
    event = instance.get_latest_materialization_event(key_of(STOCK_METRICS_VIEW))
    recorded: Mapping[str, Any] = {}
    if event is not None and event.asset_materialization is not None:
        recorded = event.asset_materialization.metadata
    return {name: recorded[name].value for name in FIGURES if name in recorded}


def _clockworks(
    instance: dg.DagsterInstance, repository: dg.RepositoryDefinition, now: datetime
) -> Iterator[Clockwork]:
    known = {found.name: found for found in instance.all_instigator_state()}
    definitions: list[dg.ScheduleDefinition | dg.SensorDefinition] = [
        *repository.schedule_defs,
        *repository.sensor_defs,
    ]
    for definition in definitions:
        # It has no state before the daemon has seen it.
        state: Any = known.get(definition.name)
        status = str(state.status.value) if state else "DECLARED_IN_CODE"
        if status == "DECLARED_IN_CODE":
            status = str(definition.default_status.value)
        ticks = (
            instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=2)
            if state
            else []
        )
        ended = next((tick for tick in ticks if tick.status.value != "STARTED"), None)
        last = datetime.fromtimestamp(ended.timestamp, UTC) if ended else None
        yield Clockwork(
            definition.name,
            on=status == "RUNNING",
            last=last,
            result=str(ended.status.value).lower() if ended else "",
            next=_next(definition, last, now) if status == "RUNNING" else None,
        )


def _next(
    definition: dg.ScheduleDefinition | dg.SensorDefinition, last: datetime | None, now: datetime
) -> datetime:
    if isinstance(definition, dg.SensorDefinition):
        seconds = definition.minimum_interval_seconds or 0
        return datetime.fromtimestamp((last or now).timestamp() + seconds, UTC)
    # Nothing public computes a schedule's next tick but for partitions: it is where one begins.
    windows = dg.TimeWindowPartitionsDefinition(
        start=now,
        fmt="%Y-%m-%d %H:%M",
        cron_schedule=str(definition.cron_schedule),
        timezone=definition.execution_timezone,
    )
    window = windows.get_next_partition_window(now, respect_bounds=False)
    assert window is not None
    return window.start
