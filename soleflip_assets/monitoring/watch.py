"""The sensor ``watch``: what cannot wait for a run, and must be told although no run can start.

It looks twice a minute, by itself: a full queue, or a pool that nobody gives back, does not stop it. It ends
the runs whose process is gone, and records how its checks turned out when that changes, and every quarter of
an hour. Each statement has seconds; what cannot be looked at fails the tick, which the alerts tell of. Here:
which checks, when, and that a deployed database stays deployed. Not here: what a check looks at.
"""

import time
from collections.abc import Mapping
from typing import Any

import dagster as dg
from pydantic import BaseModel
from sqlalchemy import Connection

from soleflip_assets.checks.monitors import monitor_of_file
from soleflip_assets.checks.shown import evaluation
from soleflip_assets.deploying import ledger
from soleflip_assets.ground import deadlines
from soleflip_assets.ground.database import query_one
from soleflip_assets.ground.resource import Database
from soleflip_assets.metrics.freshness import FRESHNESS
from soleflip_assets.metrics.mode import current_mode
from soleflip_assets.running.lost import end_lost_runs

INTERVAL_SECONDS = 30
# Recorded again although nothing changed: the UI plots it.
REPORT_AGAIN_SECONDS = 900

WATCHED = [
    *FRESHNESS,
    monitor_of_file(
        "mode_is_whole",
        # Who is at work is asked first: a switch that ends meanwhile leaves nothing half-way.
        lambda connection: {
            "deploying": ledger.is_at_work(connection),
            "mode": current_mode(connection),
        },
    ),
    monitor_of_file(
        "no_transaction_holds_back",
        lambda _: {"old_seconds": float(deadlines.TRANSACTION_OLD.seconds)},
    ),
]


class Reported(BaseModel):
    """How a check turned out when that was recorded last."""

    verdict: str
    at: float


class Memory(BaseModel):
    """What the sensor remembers, in its cursor.

    Attributes:
        deployed: the ledger's entry by which Phase 2 was last seen deployed; None if it never was. Kept here
            and not in the database, of which an older copy may take the place.
        reported: by check.
    """

    deployed: int | None = None
    reported: dict[str, Reported] = {}


class UndeployedError(Exception):
    """The database is not the one that was deployed."""


@dg.sensor(
    name="watch",
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="See whether the metrics are fresh, what holds things up, which run has died; start no run.",
)
def watch(context: dg.SensorEvaluationContext, database: Database) -> dg.SkipReason:
    """Look once."""
    ended = end_lost_runs(context.instance)
    for sentence in ended:
        context.log.warning(sentence)
    memory = Memory.model_validate_json(context.cursor or "{}")
    with database.limited(lock=deadlines.WATCH_LOCK, statement=deadlines.WATCH) as connection:
        require_still_deployed(connection, memory)
        if memory.deployed is None:
            context.update_cursor(memory.model_dump_json())
            return dg.SkipReason("Phase 2 is not deployed: run `soleflip deploy`.")
        results = [monitor.result(connection) for monitor in WATCHED]
    report(context.instance, memory, results, time.time())
    context.update_cursor(memory.model_dump_json())
    failing = [result.check_name for result in results if not result.passed]
    return dg.SkipReason(
        f"{', '.join(map(str, failing)) or 'nothing'} failing, {len(ended)} runs ended."
    )


def require_still_deployed(connection: Connection, memory: Memory) -> None:
    """Notice a deployment, a revert, and an older copy that took the database's place.

    Raises:
        UndeployedError: what was deployed is not, and nobody reverted it.
    """
    found: Mapping[Any, Any] = {}
    if ledger.exists(connection):
        found = query_one(connection, "ledger/deployed.sql", remembered=memory.deployed)
    if deployed_by := found.get("deployed_by"):
        memory.deployed = deployed_by
    elif found.get("remembered_is_reverted"):
        memory.deployed = None
    elif memory.deployed is not None:
        raise UndeployedError(
            "Phase 2 was deployed here, is not any more, and nobody reverted it: this database is an older "
            "copy, or another one. Point SOLEFLIP_DATABASE_URL at the right one, or run `soleflip deploy`."
        )


def remembered(instance: dg.DagsterInstance) -> Memory:
    """What the sensor remembers from its last tick."""
    for found in instance.all_instigator_state():
        cursor = getattr(found.instigator_data, "cursor", None)
        if found.name == watch.name and cursor:
            return Memory.model_validate_json(cursor)
    return Memory()


def report(
    instance: dg.DagsterInstance, memory: Memory, results: list[dg.AssetCheckResult], now: float
) -> None:
    """Record, without a run, what changed or was not recorded for long.

    Args:
        instance: Dagster's.
        memory: changed in place.
        results: of all checks.
        now: the time.
    """
    for result in results:
        name, verdict = str(result.check_name), f"{result.passed} {result.severity.value}"
        last = memory.reported.get(name)
        if last and last.verdict == verdict and now - last.at < REPORT_AGAIN_SECONDS:
            continue
        instance.report_runless_asset_event(evaluation(result))
        memory.reported[name] = Reported(verdict=verdict, at=now)
