"""What Dagster recorded, as observations: check evaluations, ends of runs, ticks, stopped schedules.

Reads by the instance's own methods. Here: reading, in bounded batches. Not here: what follows from it.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from soleflip_assets.alerts.state import Observation, Severity, State
from soleflip_assets.ground.assets import key_of
from soleflip_assets.ground.errors import CODE, DATABASE, STORAGE, fault_of, innermost
from soleflip_assets.ground.tables import STOCK_METRICS_VIEW
from soleflip_assets.metrics.freshness import FRESHNESS
from soleflip_assets.metrics.jobs import hourly_stock_metrics_refresh, refresh_stock_metrics
from soleflip_assets.monitoring.watch import watch
from soleflip_assets.phase2.assets import PREFLIGHT_KEY
from soleflip_assets.running.slow import slow_runs

# The page that sums up what is alerted here: it would tell every fault a second time.
HEALTH_KEY = dg.AssetKey(["operations", "health"])

# What is too old because nothing renews it, by its check: what renews it, and what starts that.
CAUSES = {
    f"check:{key_of(STOCK_METRICS_VIEW).to_user_string()}:{monitor.name}": (
        f"job:{refresh_stock_metrics.name}",
        f"schedule:{hourly_stock_metrics_refresh.name}",
        f"stopped:{hourly_stock_metrics_refresh.name}",
        "runs:queued",
        "runs:started",
    )
    for monitor in FRESHNESS
}
# By whom a good tick says that SoleFlip's database answers: it is asked twice a minute there.
_ASKS_OFTEN = f"sensor:{watch.name}"

# Events of one tick; a backlog is worked off tick by tick.
BATCH = 1000
# An id is drawn before its row is committed: an event this young may have an older one behind it
# that cannot be seen yet.
SETTLED_AFTER_SECONDS = 3.0

_TICKS = 50
_MOST_NUMBERS = 10
_LONGEST_VALUE = 120
_SCHEDULED_BY = ("dagster/schedule_name", "dagster/sensor_name")


@dataclass(frozen=True)
class Batch:
    """Some events.

    Attributes:
        observations: in the order of the event log.
        after: the id up to which nothing is left to read.
        succeeded: the jobs of which a run ended well.
    """

    observations: Sequence[Observation]
    after: int
    succeeded: frozenset[str]


def latest_event_id(instance: dg.DagsterInstance) -> int:
    """The id of the newest event that would be read; 0 if there is none."""
    newest = [
        *_evaluations(instance, after=None, limit=1, ascending=False),
        *_run_ends(instance, dg.DagsterEventType.RUN_FAILURE, after=None, limit=1, ascending=False),
        *_run_ends(instance, dg.DagsterEventType.RUN_SUCCESS, after=None, limit=1, ascending=False),
    ]
    return max((record.storage_id for record in newest), default=0)


def read_events(instance: dg.DagsterInstance, after: int, now: float, limit: int = BATCH) -> Batch:
    """The next events after an id, oldest first.

    Args:
        instance: Dagster's.
        after: the last id that was read.
        now: the time; what is younger than a few seconds is left for later.
        limit: of each kind of event.
    """
    kinds = [
        _evaluations(instance, after=after, limit=limit),
        _run_ends(instance, dg.DagsterEventType.RUN_FAILURE, after=after, limit=limit),
        _run_ends(instance, dg.DagsterEventType.RUN_SUCCESS, after=after, limit=limit),
    ]
    # Where a kind was cut off by the limit, the others may not run ahead of it.
    horizon = min(
        (records[-1].storage_id for records in kinds if len(records) == limit), default=None
    )
    records: list[dg.EventLogRecord] = []
    for record in sorted((r for records in kinds for r in records), key=lambda r: r.storage_id):
        # Of a time to come is what was recorded before the clock was set back.
        young = abs(now - record.timestamp) < SETTLED_AFTER_SECONDS
        if young or (horizon is not None and record.storage_id > horizon):
            break
        records.append(record)

    scheduled = _scheduled_runs(instance, records)
    return Batch(
        observations=[
            _observation(record, scheduled) for record in records if not _tells_it_again(record)
        ],
        after=records[-1].storage_id if records else after,
        succeeded=frozenset(
            record.event_log_entry.job_name or ""
            for record in records
            if _type(record) == dg.DagsterEventType.RUN_SUCCESS
        ),
    )


def _evaluations(
    instance: dg.DagsterInstance, *, after: int | None, limit: int, ascending: bool = True
) -> Sequence[dg.EventLogRecord]:
    with warnings.catch_warnings():
        # Deprecated for other events, which have methods of their own; check evaluations have none.
        warnings.simplefilter("ignore", DeprecationWarning)
        return instance.get_event_records(
            dg.EventRecordsFilter(dg.DagsterEventType.ASSET_CHECK_EVALUATION, after_cursor=after),
            limit=limit,
            ascending=ascending,
        )


def _run_ends(
    instance: dg.DagsterInstance,
    event_type: Any,
    *,
    after: int | None,
    limit: int,
    ascending: bool = True,
) -> Sequence[dg.EventLogRecord]:
    return instance.fetch_run_status_changes(
        dg.RunStatusChangeRecordsFilter(event_type, after_storage_id=after),
        limit=limit,
        ascending=ascending,
    ).records


def _type(record: dg.EventLogRecord) -> dg.DagsterEventType:
    event = record.event_log_entry.dagster_event
    assert event is not None
    return event.event_type


def _scheduled_runs(
    instance: dg.DagsterInstance, records: Sequence[dg.EventLogRecord]
) -> frozenset[str]:
    """Which of the failed runs will be repeated by a schedule or sensor."""
    failed = [
        record.event_log_entry.run_id
        for record in records
        if _type(record) == dg.DagsterEventType.RUN_FAILURE
    ]
    if not failed:
        return frozenset()
    runs = instance.get_runs(dg.RunsFilter(run_ids=failed))
    return frozenset(run.run_id for run in runs if any(tag in run.tags for tag in _SCHEDULED_BY))


def _tells_it_again(record: dg.EventLogRecord) -> bool:
    """Whether another event tells of the same fault: a run fails because a check did, or all is not well."""
    event = record.event_log_entry.dagster_event
    assert event is not None
    if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
        return bool(event.asset_check_evaluation_data.asset_key == HEALTH_KEY)
    if event.event_type != dg.DagsterEventType.RUN_FAILURE or event.event_specific_data is None:
        return False
    step = event.job_failure_data.first_step_failure_event
    error = step.step_failure_data.error if step else None
    return error is not None and error.cls_name == "DagsterAssetCheckFailedError"


def _observation(record: dg.EventLogRecord, scheduled: frozenset[str]) -> Observation:
    entry = record.event_log_entry
    event = entry.dagster_event
    assert event is not None
    if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
        return _checked(entry, event.asset_check_evaluation_data)
    subject = f"job:{entry.job_name}"
    if event.event_type == dg.DagsterEventType.RUN_SUCCESS:
        return Observation(subject, failing=False, at=entry.timestamp, run_id=entry.run_id)
    return Observation(
        subject,
        failing=True,
        at=entry.timestamp,
        run_id=entry.run_id,
        detail=_why(event),
        fault=_fault(event),
        meaning="The run did not do its work: what it makes or checks is as it was before.",
        lasting=entry.run_id in scheduled,
    )


def _checked(entry: dg.EventLogEntry, evaluation: dg.AssetCheckEvaluation) -> Observation:
    subject = f"check:{evaluation.asset_check_key.to_user_string()}"
    return Observation(
        subject,
        failing=not evaluation.passed,
        at=entry.timestamp,
        severity=Severity[evaluation.severity.value],
        run_id=entry.run_id,
        detail=_numbers(evaluation.metadata),
        meaning=evaluation.description or "",
        # The preflight is looked at by who deploys, and by no schedule.
        lasting=evaluation.asset_key != PREFLIGHT_KEY,
        because=CAUSES.get(subject, ()),
    )


def _numbers(metadata: Any) -> str:
    """The scalars of an evaluation, in a line."""
    told = []
    for name, metadata_value in metadata.items():
        value = metadata_value.value
        if isinstance(metadata_value, dg.MarkdownMetadataValue | dg.UrlMetadataValue):
            continue
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            continue
        text = (
            f"{value:,}"
            if isinstance(value, int)
            else f"{value:,.3f}"
            if isinstance(value, float)
            else value
        )
        if "\n" not in text and len(text) <= _LONGEST_VALUE:
            told.append(f"{name} {text}")
    return ", ".join(told[:_MOST_NUMBERS])


def _why(event: dg.DagsterEvent) -> str:
    """Why a run failed, in the words of the innermost error of its first failed step."""
    if event.event_specific_data is None:
        # Ended by somebody else, such as the code server that found its process gone.
        return _first_line(event.message or "")
    data = event.job_failure_data
    step = data.first_step_failure_event
    failure = step.step_failure_data if step else None
    if failure and failure.user_failure_data and failure.user_failure_data.description:
        return _first_line(failure.user_failure_data.description)
    error = failure.error if failure else data.error
    return _first_line(innermost(error)) if error else _first_line(event.message or "")


def _fault(event: dg.DagsterEvent) -> str:
    """What made a run fail; empty where its process ended without a word, or it is its own affair."""
    if event.event_specific_data is None:
        return ""
    data = event.job_failure_data
    step = data.first_step_failure_event
    error = step.step_failure_data.error if step and step.step_failure_data else data.error
    return fault_of(error) if error else ""


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:300]


def unfinished_runs(instance: dg.DagsterInstance, state: State) -> frozenset[str]:
    """The runs of the state's alerts that still go on."""
    run_ids = {alert.run_id for alert in state.alerts.values() if alert.run_id}
    if not run_ids:
        return frozenset()
    runs = instance.get_runs(dg.RunsFilter(run_ids=sorted(run_ids)))
    return frozenset(run.run_id for run in runs if not run.is_finished)


def read_instigators(
    instance: dg.DagsterInstance, repository: dg.RepositoryDefinition, state: State, now: float
) -> Iterator[Observation]:
    """What schedules and sensors have done since the last look, and which were stopped by somebody.

    Who looks was started by the process that holds the code, and has asked Dagster's storage: both answer.

    Args:
        instance: Dagster's.
        repository: whose schedules and sensors.
        state: knows what was looked at before; its ``ticks`` are moved on.
        now: the time.
    """
    runs_by_default = {
        **{("SCHEDULE", found.name): _on(found) for found in repository.schedule_defs},
        **{("SENSOR", found.name): _on(found) for found in repository.sensor_defs},
    }
    for answers in (CODE, STORAGE):
        yield Observation(answers, failing=False, at=now)
    for instigator in instance.all_instigator_state():
        key = (instigator.instigator_type.value, instigator.name)
        if key in runs_by_default:
            yield from _stopped(instigator, state, now, runs_by_default=runs_by_default[key])
            yield from _ticks(instance, instigator, state)


def read_runs(instance: dg.DagsterInstance, state: State, now: float) -> Iterator[Observation]:
    """Whether runs wait, or go on, for too long; told when it begins and when it is over."""
    for kind, runs in slow_runs(instance, now).items():
        subject = f"runs:{kind}"
        if bool(runs) != state.is_failing(subject):
            yield Observation(
                subject,
                failing=bool(runs),
                at=now,
                detail=", ".join(runs[:_MOST_NUMBERS]),
                meaning="Something holds them up, or nothing is started: what they make or check is late.",
            )


def _on(instigator: dg.ScheduleDefinition | dg.SensorDefinition) -> bool:
    return str(instigator.default_status.value) == "RUNNING"


def _stopped(
    instigator: Any, state: State, now: float, *, runs_by_default: bool
) -> Iterator[Observation]:
    subject = f"stopped:{instigator.name}"
    stopped = runs_by_default and instigator.status.value == "STOPPED"
    if stopped != state.is_failing(subject):
        yield Observation(
            subject,
            failing=stopped,
            at=now,
            severity=Severity.WARN,
            meaning="Somebody switched it off: what it starts no longer happens by itself.",
        )


def _ticks(instance: dg.DagsterInstance, instigator: Any, state: State) -> Iterator[Observation]:
    kind = instigator.instigator_type.value.lower()
    subject = f"{kind}:{instigator.name}"
    after = state.ticks.get(subject, state.began)
    newest_first = instance.get_ticks(
        instigator.instigator_origin_id, instigator.selector_id, after=after, limit=_TICKS
    )
    for tick in reversed(newest_first):
        # A tick is stored when it starts; it is looked at when it has ended.
        if tick.status.value == "STARTED" or tick.timestamp <= after:
            continue
        state.ticks[subject] = tick.timestamp
        failing = tick.status.value == "FAILURE"
        detail = _first_line(innermost(tick.error)) if tick.error else ""
        fault = fault_of(tick.error) if tick.error else ""
        if subject == _ASKS_OFTEN and fault != DATABASE:
            yield Observation(DATABASE, failing=False, at=tick.timestamp)
        yield Observation(
            subject,
            failing=failing,
            at=tick.timestamp,
            detail=detail,
            meaning="It was to decide whether to start something, and could not.",
            fault=fault,
            often=kind == "sensor",
        )
