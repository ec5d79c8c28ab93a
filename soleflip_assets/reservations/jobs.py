"""What Dagster runs for the inventory: expiring reservations, and applying their bounds.

Here: the jobs and the schedule. Not here: what expiring means, which is service.py's and the same for
the application.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import dagster as dg
from sqlalchemy.ext.asyncio import AsyncSession

from soleflip_assets.checks.shown import markdown_table
from soleflip_assets.ground.database import Database, OwnerDatabase, query_one
from soleflip_assets.inventory.service import InventoryService
from soleflip_assets.reservations.bounds import ReservationBoundsError
from soleflip_assets.reservations.bounds import enforce_reservation_bounds as enforce

BATCH = 1000


@dg.op(
    description="Give back the units of reservations past their time, a committed batch at a time.",
    out=dg.Out(int, description="Reservations that expired."),
)
async def expire_overdue_reservations(
    context: dg.OpExecutionContext, database: Database
) -> dg.Output[int]:
    """Expire until nothing is due."""
    with database.connect() as connection:
        can_reserve = query_one(connection, "inventory/can_reserve.sql")["can_reserve"]
    if not can_reserve:
        context.log.info("Skipped: Phase 2 is not deployed here, so stock holds no reservations.")
        return dg.Output(0, metadata={"expired": 0, "still_due": 0, "skipped": True})

    expired = 0
    async with _session(database) as session:
        while batch := await _expire_batch(session):
            expired += batch
    with database.connect() as connection:
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
    async with session.begin():
        return len(await InventoryService(session).expire_due(limit=BATCH))


@asynccontextmanager
async def _session(database: Database) -> AsyncIterator[AsyncSession]:
    engine = database.async_engine
    try:
        async with AsyncSession(engine) as session:
            yield session
    finally:
        await engine.dispose()


@dg.job(
    executor_def=dg.in_process_executor,
    description="Expire the reservations past their time, and free the units they held.",
)
def expire_reservations() -> None:
    """One sweep."""
    expire_overdue_reservations()


expire_reservations_every_five_minutes = dg.ScheduleDefinition(
    name="expire_reservations_every_five_minutes",
    job=expire_reservations,
    cron_schedule="*/5 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="A reservation outlives its time by five minutes at most.",
)


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
    executor_def=dg.in_process_executor,
    description="Let the database refuse reserved units below 0 or above the quantity. "
    "Run it once the application from before Phase 2 is gone: its writes could break the rule.",
)
def enforce_reservation_bounds() -> None:
    """One step."""
    apply_reservation_bounds()


jobs = [expire_reservations, enforce_reservation_bounds]
schedules = [expire_reservations_every_five_minutes]
