"""The ``alerts`` sensor: look, decide, send, remember; every ten seconds.

Dagster without its paid edition sends no alert for a failed asset check, and a failed check does not fail its
run, so sensors on failed runs never see it. This one reads the event log itself. What it decides and how it
remembers is told in state.py.
"""

import time

import dagster as dg

from soleflip_assets.alerts.delivery import deliver
from soleflip_assets.alerts.events import (
    latest_event_id,
    read_events,
    read_instigators,
    read_runs,
    unfinished_runs,
)
from soleflip_assets.alerts.heartbeat import ping
from soleflip_assets.alerts.state import State
from soleflip_assets.alerts.targets import Target, targets_from_environment
from soleflip_assets.ground.settings import HEARTBEAT_URL
from soleflip_assets.metrics.jobs import refresh_stock_metrics

INTERVAL_SECONDS = 10


@dg.sensor(
    name="alerts",
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tell somebody what failed, once, and when it recovered.",
)
def alerts(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Evaluate once; the cursor is stored with the tick, after the messages are sent."""
    now = time.time()
    targets = targets_from_environment(context.log.warning)
    if context.cursor is None:
        state = State(began=now, after=latest_event_id(context.instance))
        context.update_cursor(state.to_cursor())
        return dg.SkipReason("Began to look: what happened before is not told.")

    state = State.from_cursor(context.cursor)
    state.forget_the_future(now)
    _look(context, state, now)
    sent = deliver(
        state, targets, now, unfinished_runs(context.instance, state), context.log.warning
    )
    state.forget({target.name: target.accepts for target in targets}, now)
    context.update_cursor(state.to_cursor())
    # After what was sent is remembered: a fault of the outside monitor's must not have it sent again.
    if state.heartbeat_due:
        if ping():
            state.heartbeat_due = False
            context.update_cursor(state.to_cursor())
        else:
            context.log.warning(f"{HEARTBEAT_URL} does not answer")
    return dg.SkipReason(_summary(state, targets, sent))


def remembered(instance: dg.DagsterInstance) -> State | None:
    """What the alerts remember from their last tick; None before the first one."""
    for found in instance.all_instigator_state():
        data = found.instigator_data
        if found.name == alerts.name and data is not None:
            cursor = getattr(data, "cursor", None)
            return State.from_cursor(cursor) if cursor else None
    return None


def _look(context: dg.SensorEvaluationContext, state: State, now: float) -> None:
    batch = read_events(context.instance, state.after, now)
    for seen in batch.observations:
        state.observe(seen)
    state.after = batch.after
    if refresh_stock_metrics.name in batch.succeeded:
        state.heartbeat_due = True
    for seen in list(read_runs(context.instance, state, now)):
        state.observe(seen)
    assert context.repository_def is not None
    instigators = read_instigators(context.instance, context.repository_def, state, now)
    for seen in sorted(instigators, key=lambda seen: seen.at):
        state.observe(seen)


def _summary(state: State, targets: list[Target], sent: int) -> str:
    failing = sum(state.is_failing(subject) for subject in state.alerts)
    down = [target.name for target in targets if target.name in state.targets]
    unreachable = f"; not reached: {', '.join(down)}" if down else ""
    return f"{failing} failing, {sent} messages sent{unreachable}."
