"""The asset ``operations/health``, and the sensor of the same name that keeps it: no run, whatever is stuck.

Recorded every few minutes, and at once when what is wrong has changed. Here: when. Not here: what is looked
at (look.py), or shown (page.py).
"""

import time
from datetime import UTC, datetime, timedelta

import dagster as dg
from pydantic import BaseModel

from soleflip_assets.alerts.events import HEALTH_KEY
from soleflip_assets.alerts.state import Severity
from soleflip_assets.checks.shown import OWNERS
from soleflip_assets.ground.resource import Database
from soleflip_assets.health.look import Health, look
from soleflip_assets.health.page import metadata, numbers, verdict

INTERVAL_SECONDS = 60
REPORT_AGAIN_SECONDS = 300
CHECK = "all_is_well"

spec = dg.AssetSpec(
    HEALTH_KEY,
    group_name="operations",
    kinds={"markdown"},
    owners=OWNERS,
    description="Whether all is well: open alerts, dead daemons, what runs next, what the stock amounts to. "
    "`verdict` says it in a sentence. Recorded every five minutes, and within a minute "
    "of a change. If it is older, nothing is looked at any more: ask `soleflip status`.",
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(minutes=15)),
)


@dg.asset_check(
    asset=HEALTH_KEY,
    name=CHECK,
    description="No alert is open, no daemon dead, and the database answers.",
)
def all_is_well(context: dg.AssetCheckExecutionContext, database: Database) -> dg.AssetCheckResult:
    """Look now, for who does not want to wait for the sensor."""
    health = look(context.instance, context.repository_def, database, datetime.now(UTC))
    found = evaluation(health)
    return dg.AssetCheckResult(
        passed=found.passed,
        severity=found.severity,
        description=found.description,
        metadata=found.metadata,
    )


class Memory(BaseModel):
    """What was recorded last: the cursor of the sensor."""

    wrong: list[str] = []
    at: float = 0


@dg.sensor(
    name="health",
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Say on one page whether all is well: keep the asset operations/health; start no run.",
)
def health_sensor(context: dg.SensorEvaluationContext, database: Database) -> dg.SkipReason:
    """Look, and record what came of it where that is news or the last record is old."""
    assert context.repository_def is not None
    memory = Memory.model_validate_json(context.cursor or "{}")
    health = look(context.instance, context.repository_def, database, datetime.now(UTC))
    wrong, now = [fault.what for fault in health.faults], time.time()
    if wrong != memory.wrong or now - memory.at >= REPORT_AGAIN_SECONDS:
        record(context.instance, health)
        context.update_cursor(Memory(wrong=wrong, at=now).model_dump_json())
    return dg.SkipReason(verdict(health))


def record(instance: dg.DagsterInstance, health: Health) -> None:
    """Materialize the asset and evaluate its check, without a run."""
    instance.report_runless_asset_event(
        dg.AssetMaterialization(HEALTH_KEY, description=verdict(health), metadata=metadata(health))
    )
    instance.report_runless_asset_event(evaluation(health))


def evaluation(health: Health) -> dg.AssetCheckEvaluation:
    """The check: red where something is wrong, so that asset, graph and catalog are, too."""
    errors = any(fault.severity is Severity.ERROR for fault in health.faults)
    return dg.AssetCheckEvaluation(
        asset_key=HEALTH_KEY,
        check_name=CHECK,
        passed=not health.faults,
        severity=dg.AssetCheckSeverity.ERROR if errors else dg.AssetCheckSeverity.WARN,
        description=verdict(health),
        metadata=numbers(health),
    )
