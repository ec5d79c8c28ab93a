"""The daily housekeeping: one job, an op for Dagster's storage and one for files.

Here: the ops, the job and its schedule, and what they report. Not here: what may go.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from sqlalchemy import Connection

from soleflip_assets.alerts.sensor import remembered
from soleflip_assets.ground import deadlines
from soleflip_assets.ground.amounts import megabytes
from soleflip_assets.ground.resource import Database
from soleflip_assets.ground.state_folder import StateFolder
from soleflip_assets.housekeeping.event_log import bytes_of_event_log, prune, vacuum
from soleflip_assets.housekeeping.files import (
    bytes_of,
    delete,
    old_dumps,
    old_reports,
    old_run_folders,
)
from soleflip_assets.housekeeping.retention import Retention
from soleflip_assets.running.executor import in_process
from soleflip_assets.running.limits import Priority, run_tags
from soleflip_assets.running.lost import unfinished_run


class HousekeepingConfig(dg.Config):
    """How thoroughly to keep house.

    Attributes:
        dry_run: only say what would go; delete nothing.
    """

    dry_run: bool = False


@dg.op
def prune_event_log(
    context: dg.OpExecutionContext, config: HousekeepingConfig, dagster_storage: Database
) -> dg.Output[int]:
    """Delete old runs, and the step-by-step log of younger ones, from Dagster's storage.

    Returns:
        Events deleted.
    """
    retention = Retention.from_environment()
    with _connection(dagster_storage, dry_run=config.dry_run) as connection:
        before = bytes_of_event_log(connection)
        pruned = prune(connection, retention, remembered(context.instance), time.time())
        if not config.dry_run:
            vacuum(connection)
        after = bytes_of_event_log(connection)
    deleted = pruned.log_events + pruned.run_events + pruned.runless_events
    context.log.info(
        f"{'would delete' if config.dry_run else 'deleted'} {pruned.runs:,} runs with "
        f"{pruned.run_events:,} events, {pruned.log_events:,} events of the logs of younger runs, and "
        f"{pruned.runless_events:,} that were recorded without a run"
    )
    return dg.Output(
        deleted,
        metadata={
            "dry_run": config.dry_run,
            "runs_deleted": pruned.runs,
            "events_deleted": deleted,
            "megabytes": megabytes(after),
            "megabytes_freed": megabytes(before - after),
        },
    )


@contextmanager
def _connection(storage: Database, *, dry_run: bool) -> Iterator[Connection]:
    """Each statement commits by itself; in a dry run the same statements are rolled back."""
    if not dry_run:
        with storage.connect() as connection:
            yield connection
        return
    with storage.engine.connect() as connection:
        yield connection
        connection.rollback()


@dg.op
def delete_old_files(
    context: dg.OpExecutionContext,
    config: HousekeepingConfig,
    database: Database,
    state: StateFolder,
) -> dg.Output[int]:
    """Delete the dumps, reports and terminal output of runs that are old and that nobody needs.

    Returns:
        Files deleted.
    """
    retention, now = Retention.from_environment(), time.time()
    with database.connect() as connection:
        dumps = old_dumps(connection, state.dumps, retention, now)
    reports = old_reports(state.reports, retention, now)
    runs = old_run_folders(Path(context.instance.storage_directory()), retention, now)
    files = [*dumps.deletable, *reports.deletable, *runs.deletable]
    for sentence in dumps.untouched:
        context.log.warning(f"left alone: {sentence}")
    for file in files:
        context.log.info(f"{'would delete' if config.dry_run else 'deleting'} {file}")
    freed = bytes_of(files) if config.dry_run else delete(files)
    return dg.Output(
        len(files),
        metadata={
            "dry_run": config.dry_run,
            "files_deleted": len(files),
            "megabytes_freed": megabytes(freed),
            "dumps_left_alone": len(dumps.untouched),
        },
    )


@dg.job(
    description="Prune Dagster's event log, and delete old dumps and reports that nobody needs.",
    executor_def=in_process,
    tags=run_tags(deadlines.WATCH_RUN, Priority.HOUSEKEEPING),
)
def housekeeping() -> None:
    """Two steps; one does not wait for the other to succeed."""
    prune_event_log()
    delete_old_files()


@dg.schedule(
    name="daily_housekeeping",
    job=housekeeping,
    cron_schedule="15 4 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Keep Dagster's event log, the dumps and the reports from growing for ever.",
)
def daily_housekeeping(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Ask for it, unless yesterday's is still at it."""
    if run := unfinished_run(context.instance, housekeeping.name):
        return dg.SkipReason(f"The housekeeping of run {run.run_id} is not finished yet.")
    return dg.RunRequest()


jobs = [housekeeping]
schedules = [daily_housekeeping]
