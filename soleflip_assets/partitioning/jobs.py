"""What Dagster runs for tables in partitions: converting one when somebody asks, keeping all of them daily.

Here: ops, jobs, the schedule, and how a plan and a list read. Not here: what they do.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from psycopg import sql
from sqlalchemy import Connection

from soleflip_assets.ground import deadlines
from soleflip_assets.ground.errors import ConfigurationError
from soleflip_assets.ground.resource import Database, OwnerDatabase
from soleflip_assets.ground.retrying import LockedOutError
from soleflip_assets.ground.state_folder import StateFolder
from soleflip_assets.months.archive import ArchiveError, require_parquet
from soleflip_assets.months.leaving import Leaving, archive_month, archive_path
from soleflip_assets.months.partitions import list_months
from soleflip_assets.partitioning.conversion import convert, drop_check, own_checks
from soleflip_assets.partitioning.keeping import Archive, make_months, overdue, prune
from soleflip_assets.partitioning.names import Keep, plain
from soleflip_assets.partitioning.preflight import find_table, plan
from soleflip_assets.partitioning.record import Managed, managed_table, managed_tables
from soleflip_assets.partitioning.session import Log, PartitioningError, partitioner, run, told
from soleflip_assets.partitioning.undo import require_few, undo
from soleflip_assets.running.executor import in_process
from soleflip_assets.running.limits import Priority, run_tags
from soleflip_assets.running.lost import unfinished_run


class PartitionConfig(dg.Config):
    """What to do with a table.

    Attributes:
        table: with its schema: logging.event_store.
        column: its time column; not needed to undo.
        keep: how long a month is kept after its end: 60d or 12mo; empty keeps all.
        archive: archive a month before it is dropped.
        undo: make it an ordinary table again.
        wait: to undo, let readers and writers wait for as long as rows are copied.
        dry_run: only say what stands in the way, what would change and what would be done.
    """

    table: str = ""
    column: str = ""
    keep: str = ""
    archive: bool = False
    undo: bool = False
    wait: bool = False
    dry_run: bool = True


@dg.op(description="Convert the table, or take it back; or only say what that would meet and do.")
def partition(
    context: dg.OpExecutionContext, config: PartitionConfig, owner_database: OwnerDatabase
) -> None:
    """One table; what went wrong is a sentence."""
    if not config.table:
        raise dg.Failure(
            "No table is named: launch this with table: logging.event_store, or another one, and the column.",
            allow_retries=False,
        )
    log = context.log.info
    try:
        if config.archive:
            require_parquet()
        if config.dry_run:
            with owner_database.connect() as connection:
                tell_plan(connection, config, log)
        elif config.undo:
            undo(owner_database.engine, config.table, log, wait=config.wait)
        else:
            convert(
                owner_database.engine,
                config.table,
                config.column,
                log,
                keep=Keep.parse(config.keep) if config.keep else None,
                archive=config.archive,
            )
    except (PartitioningError, ConfigurationError, LockedOutError) as error:
        raise dg.Failure(str(error), allow_retries=False) from error


def tell_plan(connection: Connection, config: PartitionConfig, log: Log) -> None:
    """Say what a conversion, or the way back, would meet and do.

    Raises:
        PartitioningError: something stands in the way.
    """
    table = find_table(connection, config.table, config.column)
    managed = managed_table(connection, table.name)
    if managed is not None and managed.partitioned:
        if config.undo:
            require_few(connection, managed, wait=config.wait)
            log(f"{plain(table.name)}: nothing stands in the way back")
        else:
            log(
                f"{plain(table.name)} is in partitions already; its retention would be set and months made"
            )
        return
    found = plan(connection, table, datetime.now(UTC))
    found.require_clear()
    log(f"{plain(table.name)}: nothing stands in the way")
    for sentence in found.changes:
        log(f"would change: {sentence}")
    newest = f"; the newest row is of {found.newest:%Y-%m-%d}" if found.newest else ""
    log(
        f"would become: the first partition {table.names.first(found.until).name} with all rows before "
        f"{found.until}{newest}; months from {found.until} on; {table.names.rest.name} for what "
        "is in no month"
    )
    if config.keep:
        log(
            f"would keep: {config.keep} after the end of each month; the first partition leaves as a whole, "
            f"{config.keep} after {found.until} has begun"
        )


@dg.job(
    executor_def=in_process,
    tags=run_tags(deadlines.DEPLOYMENT, Priority.PERSON),
    description="Turn a table that only grows into partitions by month, online, or take that back. "
    "A dry run unless configured otherwise.",
)
def partition_table() -> None:
    """One step."""
    partition()


class KeepConfig(dg.Config):
    """How thoroughly to keep the tables.

    Attributes:
        dry_run: only say what would be dropped.
        wait: let readers and writers wait while rows are moved from the rest into months.
    """

    dry_run: bool = False
    wait: bool = False


@dg.op(description="Make months ahead, drop those whose retention is over, analyse.")
def keep(
    context: dg.OpExecutionContext,
    config: KeepConfig,
    owner_database: OwnerDatabase,
    state: StateFolder,
) -> None:
    """All tables; one that fails does not keep the others from their turn."""
    now, log = datetime.now(UTC), context.log.info
    wrong: list[str] = []
    with owner_database.connect() as connection:
        tables = managed_tables(connection)
    if config.dry_run:
        with owner_database.connect() as connection:
            for sentence in _would_drop(connection, tables, now):
                log(sentence)
        return
    if not tables:
        log("No table is kept in partitions here.")
        return
    archive = archiver(state.archive, log)
    with partitioner(owner_database.engine) as connection:
        for managed in tables:
            try:
                with told(managed.table, "is not kept as it should be"):
                    keep_table(connection, managed, now, archive, log, wait=config.wait)
            except (PartitioningError, ArchiveError, ConfigurationError, LockedOutError) as error:
                wrong.append(str(error))
    if wrong:
        raise dg.Failure(" ".join(wrong), allow_retries=False)


def keep_table(
    connection: Connection,
    managed: Managed,
    now: datetime,
    archive: Archive,
    log: Log,
    *,
    wait: bool = False,
) -> None:
    """Make a table's months ahead, let those go whose retention is over, and analyse it.

    Of one whose conversion died, the CHECK goes that could refuse a write one day.

    Raises:
        PartitioningError: a month could not be made, or not be archived.
    """
    if not managed.partitioned:
        for row in own_checks(connection, managed.table):
            drop_check(connection, managed.table, str(row["name"]))
            log(
                f"{plain(managed.table)}: its conversion died; {row['name']} is dropped, the next run resumes"
            )
        return
    made = make_months(connection, managed, now, wait=wait)
    dropped = prune(connection, managed, now, archive)
    run(connection, sql.SQL("ANALYZE {}").format(managed.table.identifier))
    log(
        f"{plain(managed.table)}: months made: {', '.join(map(str, made)) or 'none'}; "
        f"dropped: {', '.join(table.name for table in dropped) or 'none'}"
    )


def _would_drop(connection: Connection, tables: list[Managed], now: datetime) -> Iterator[str]:
    for managed in tables:
        parts = overdue(managed, list_months(connection, managed.table), now)
        yield (
            f"{plain(managed.table)}: would drop "
            f"{', '.join(part.table.name for part in parts) or 'nothing'}"
        )


def archiver(folder: Path, log: Log) -> Archive:
    """What archives a month below a folder, in a file that is read back and compared, and records it."""

    def archive(connection: Connection, leaving: Leaving, column: str) -> None:
        key = find_table(connection, str(leaving.table), column).key_columns or (column,)
        kept = archive_month(connection, leaving, key, archive_path(connection, folder, leaving))
        log(
            f"{kept.path}: {kept.digest.rows:,} rows, {kept.bytes / 2**20:,.1f} MB, read back and compared"
        )

    return archive


@dg.job(
    executor_def=in_process,
    tags=run_tags(deadlines.WATCH_RUN, Priority.HOUSEKEEPING),
    description="Make months ahead for the tables in partitions, and drop those past their retention.",
)
def keep_partitions() -> None:
    """One step."""
    keep()


@dg.schedule(
    name="daily_partitions",
    job=keep_partitions,
    cron_schedule="45 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Keep the shop's tables in their months. Starts no run where no table is in partitions.",
)
def daily_partitions(
    context: dg.ScheduleEvaluationContext, database: Database
) -> dg.RunRequest | dg.SkipReason:
    """Ask for it where there is something to keep."""
    with database.limited(lock=deadlines.WATCH_LOCK, statement=deadlines.WATCH) as connection:
        if not managed_tables(connection):
            return dg.SkipReason("No table is kept in partitions: see `soleflip partition --help`.")
    if run_found := unfinished_run(context.instance, keep_partitions.name):
        return dg.SkipReason(f"Run {run_found.run_id} is at it.")
    return dg.RunRequest()


jobs = [partition_table, keep_partitions]
schedules = [daily_partitions]
