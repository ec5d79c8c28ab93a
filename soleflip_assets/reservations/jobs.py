"""What Dagster runs for the inventory: expiring reservations, and applying their bounds.

Here: the jobs and the sensor. Not here: what expiring means, which is service.py's and the same for
the application.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import dagster as dg
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from soleflip_assets.checks.shown import markdown_table
from soleflip_assets.ground import deadlines
from soleflip_assets.ground.async_sessions import create_async_database_engine
from soleflip_assets.ground.database import query_one
from soleflip_assets.ground.resource import Database, OwnerDatabase
from soleflip_assets.inventory.service import InventoryService
from soleflip_assets.reservations.bounds import ReservationBoundsError
from soleflip_assets.reservations.bounds import enforce_reservation_bounds as enforce
from soleflip_assets.running.executor import in_process
from soleflip_assets.running.limits import Priority, run_tags
from soleflip_assets.running.lost import unfinished_run

BATCH = 1000


@dg.op(
    description="Give back the units of reservations past their time, a committed batch at a time.",
    out=dg.Out(int, description="Reservations that expired."),
)
async def expire_overdue_reservations(
    context: dg.OpExecutionContext, database: Database
) -> dg.Output[int]:
    """Expire until nothing is due."""
    with database.limited(lock=deadlines.EXPIRY_LOCK, statement=deadlines.EXPIRY) as connection:
        can_reserve = query_one(connection, "inventory/can_reserve.sql")["can_reserve"]
    if not can_reserve:
        context.log.info("Skipped: Phase 2 is not deployed here, so stock holds no reservations.")
        return dg.Output(0, metadata={"expired": 0, "still_due": 0, "skipped": True})

    expired = 0
    async with _session(database) as session:
        while batch := await _expire_batch(session):
            expired += batch
    with database.limited(lock=deadlines.EXPIRY_LOCK, statement=deadlines.EXPIRY) as connection:
        still_due = query_one(connection, "inventory/still_due.sql")["reservations"]
    if still_due:
        context.log.warning(
            f"{still_due} reservations are due but could not expire: they are being worked on, or their "
            "items hold fewer reserved units than they do and must be corrected."
        )
    return dg.Output(
        expired, metadata={"expired": expired, "still_due": still_due, "skipped": False}
    )


async def _expire_batch(session: AsyncSession) -> int:
    async with asyncio.timeout(deadlines.EXPIRY.seconds), session.begin():
        return len(await InventoryService(session).expire_due(limit=BATCH))


@asynccontextmanager
async def _session(database: Database) -> AsyncIterator[AsyncSession]:
    # Units wait for the next look rather than this run for whoever holds their rows or tables.
    engine = create_async_database_engine(
        database.location,
        lock_timeout=deadlines.EXPIRY_LOCK.milliseconds,
        statement_timeout=deadlines.EXPIRY.milliseconds,
    )
    try:
        async with AsyncSession(engine) as session:
            yield session
    finally:
        await engine.dispose()


@dg.job(
    executor_def=in_process,
    tags=run_tags(deadlines.EXPIRY, Priority.EXPIRY),
    description="Expire the reservations past their time, and free the units they held.",
)
def expire_reservations() -> None:
    """One sweep."""
    expire_overdue_reservations()


@dg.sensor(
    name="expire_reservations_when_due",
    job_name=expire_reservations.name,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Expire reservations as soon as one is past its time, which it outlives by five minutes at "
    "most. Starts no run where nothing is due, and none beside another one.",
)
def expire_reservations_when_due(
    context: dg.SensorEvaluationContext, database: Database
) -> dg.RunRequest | dg.SkipReason:
    """Ask for a sweep, or say why not."""
    with database.limited(lock=deadlines.WATCH_LOCK, statement=deadlines.WATCH) as connection:
        if not query_one(connection, "inventory/can_reserve.sql")["can_reserve"]:
            return dg.SkipReason("Phase 2 is not deployed here, so stock holds no reservations.")
        due = query_one(connection, "inventory/still_due.sql")
    if not due["reservations"]:
        return dg.SkipReason("No reservation is past its time.")
    if run := unfinished_run(context.instance, expire_reservations.name):
        return dg.SkipReason(f"Run {run.run_id} is at it.")
    return dg.RunRequest(run_key=_key(context.instance, due))


def _key(instance: dg.DagsterInstance, due: RowMapping) -> str:
    """The same for the same work: what a run left is tried again hourly, or at once after a failed run."""
    last = next(
        iter(instance.get_runs(dg.RunsFilter(job_name=expire_reservations.name), limit=1)), None
    )
    failed = last.run_id if last and last.status is not dg.DagsterRunStatus.SUCCESS else ""
    hour = datetime.now(UTC).strftime("%Y-%m-%dT%H")
    return f"{due['reservations']} until {due['newest'].timestamp()}, {hour} {failed}".strip()


@dg.op(description="Add the CHECK NOT VALID, then prove it; refuse if rows break it.")
def apply_reservation_bounds(owner_database: OwnerDatabase) -> None:
    """The step, with what offends as a table in the UI."""
    try:
        enforce(owner_database.engine)
    except ReservationBoundsError as error:
        table = markdown_table(
            ["stock", "quantity", "reserved"],
            [[row["id"], row["quantity"], row["reserved_quantity"]] for row in error.rows],
        )
        raise dg.Failure(
            str(error),
            metadata={"offenders": error.offenders, "first_offenders": dg.MetadataValue.md(table)},
            allow_retries=False,
        ) from error


@dg.job(
    executor_def=in_process,
    tags=run_tags(deadlines.DEPLOYMENT, Priority.PERSON),
    description="Let the database refuse reserved units below 0 or above the quantity. "
    "Run it once the application from before Phase 2 is gone: its writes could break the rule.",
)
def enforce_reservation_bounds() -> None:
    """One step."""
    apply_reservation_bounds()


jobs = [expire_reservations, enforce_reservation_bounds]
sensors = [expire_reservations_when_due]
