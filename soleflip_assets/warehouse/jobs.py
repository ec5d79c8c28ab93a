"""When the warehouse is loaded, rebuilt, compared and kept small.

Here: jobs, their schedule and sensors. Not here: how any of it is done.
"""

from datetime import UTC, datetime

import dagster as dg

from soleflip_assets.checks.shown import evaluation
from soleflip_assets.ground import deadlines
from soleflip_assets.ground.database import query_one
from soleflip_assets.ground.resource import Database
from soleflip_assets.metrics.freshness import Freshness
from soleflip_assets.metrics.jobs import refresh_stock_metrics
from soleflip_assets.running.executor import in_process
from soleflip_assets.running.limits import REPEATED, Priority, run_tags
from soleflip_assets.running.lost import unfinished_run
from soleflip_assets.warehouse.assets import POOL, SPECS
from soleflip_assets.warehouse.checks import AFTER_LOAD, asset_key, result, selection
from soleflip_assets.warehouse.checks import SPECS as CHECKS
from soleflip_assets.warehouse.opening import open_work

_NO_HISTORY = "The shop keeps no history: run `soleflip history install`."

_TABLES = dg.AssetSelection.assets(*(spec.key for spec in SPECS)).without_checks()

load_warehouse = dg.define_asset_job(
    "load_warehouse",
    selection=_TABLES | selection(AFTER_LOAD),
    description="Load into the warehouse what was written since the last load, and compare it with the log.",
    executor_def=in_process,
    tags=run_tags(deadlines.WATCH_RUN, Priority.WATCH),
)

rebuild_warehouse = dg.define_asset_job(
    "rebuild_warehouse",
    selection=_TABLES | selection(AFTER_LOAD),
    description="Load months of the shop's log again, all of them unless configured otherwise.",
    config={"ops": {"warehouse": {"config": {"again": True}}}},
    executor_def=in_process,
    tags=run_tags(deadlines.WATCH_RUN, Priority.PERSON),
)


@dg.op(pool=POOL)
def compare_with_shop(context: dg.OpExecutionContext, database: Database) -> dg.Output[int]:
    """Compare the warehouse with the shop, record what was found, then repair it.

    Returns:
        How many tables were repaired.
    """
    work = open_work(database)
    comparison = work.comparison()
    for spec in CHECKS:
        answer = comparison.answer(spec.name, spec.asset_key.path[-1])
        context.log.info(f"{spec.name} of {spec.asset_key.path[-1]}: {answer.passed}")
        context.instance.report_runless_asset_event(evaluation(result(spec, answer)))
    repaired = list(work.repair(context.log.info, comparison))
    for loaded in repaired:
        context.log.info(f"{loaded.name} differed and was repaired: {loaded.rows:,} rows")
        context.log_event(
            dg.AssetObservation(asset_key(loaded.name), metadata={"rows_repaired": loaded.rows})
        )
    return dg.Output(len(repaired), metadata={"tables_repaired": len(repaired)})


@dg.op(pool=POOL, ins={"repaired": dg.In(int)})
def keep_warehouse_small(
    context: dg.OpExecutionContext,
    database: Database,
    repaired: int,  # noqa: ARG001 the order
) -> dg.Output[int]:
    """Let small files become few, old snapshots expire, and stray files go.

    Returns:
        Files deleted.
    """
    kept = list(open_work(database).keep(context.log.info))
    deleted = sum(each.files_deleted for each in kept)
    return dg.Output(
        deleted,
        metadata={
            "files_compacted": sum(each.files_compacted for each in kept),
            "snapshots_expired": sum(each.snapshots_expired for each in kept),
            "files_deleted": deleted,
            "bytes_freed": sum(each.bytes_freed for each in kept),
        },
    )


@dg.job(
    description="Compare the warehouse with the shop, repair what differs, and keep its files few.",
    executor_def=in_process,
    tags=run_tags(deadlines.WATCH_RUN, Priority.WATCH),
)
def compare_warehouse() -> None:
    """What it found is alerted by the checks, which the next load finds repaired."""
    keep_warehouse_small(compare_with_shop())


@dg.run_status_sensor(
    name="warehouse_after_refresh",
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[refresh_stock_metrics],
    request_job=load_warehouse,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Load the warehouse after each refresh of the metrics, where the shop keeps a history.",
)
def warehouse_after_refresh(
    context: dg.RunStatusSensorContext, database: Database
) -> dg.RunRequest | dg.SkipReason:
    """Ask for a load, or say why not."""
    if not _has_log(database):
        return dg.SkipReason(_NO_HISTORY)
    if run := unfinished_run(context.instance, load_warehouse.name):
        return dg.SkipReason(f"The load of run {run.run_id} is not finished yet.")
    return dg.RunRequest(run_key=context.dagster_run.run_id)


@dg.sensor(
    name="warehouse_is_old",
    job=load_warehouse,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Load the warehouse where no load was begun for as long as the metrics may be old: when all "
    "this starts, when the history was just installed, and where no refresh succeeds.",
)
def warehouse_is_old(
    context: dg.SensorEvaluationContext, database: Database
) -> dg.RunRequest | dg.SkipReason:
    """Ask for a load, or say why not."""
    limit = Freshness.from_environment().warn
    begun = context.instance.get_run_records(
        dg.RunsFilter(job_name=load_warehouse.name, created_after=datetime.now(UTC) - limit),
        limit=1,
    )
    if begun:
        return dg.SkipReason(f"The load of run {begun[0].dagster_run.run_id} is recent.")
    if not _has_log(database):
        return dg.SkipReason(_NO_HISTORY)
    return dg.RunRequest(tags=REPEATED)


@dg.schedule(
    name="daily_warehouse_comparison",
    job=compare_warehouse,
    # When the day's housekeeping is done, and before the daily watch.
    cron_schedule="45 4 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Compare the warehouse with the shop and repair it, where there is a history.",
)
def daily_warehouse_comparison(
    context: dg.ScheduleEvaluationContext, database: Database
) -> dg.RunRequest | dg.SkipReason:
    """Ask for a comparison, or say why not."""
    if not _has_log(database):
        return dg.SkipReason(_NO_HISTORY)
    if run := unfinished_run(context.instance, compare_warehouse.name):
        return dg.SkipReason(f"The comparison of run {run.run_id} is not finished yet.")
    return dg.RunRequest()


def _has_log(database: Database) -> bool:
    with database.limited(lock=deadlines.WATCH_LOCK, statement=deadlines.WATCH) as connection:
        return bool(query_one(connection, "warehouse/has_log.sql")["there"])


schedules = [daily_warehouse_comparison]
sensors = [warehouse_after_refresh, warehouse_is_old]
