"""The refresh job and its hourly schedule."""

import dagster as dg

from soleflip_assets.database import Database
from soleflip_assets.metrics import pg_cron
from soleflip_assets.monitoring.jobs import FRESHNESS
from soleflip_assets.monitoring.monitors import monitor_checks
from soleflip_assets.phase2 import ledger, steps
from soleflip_assets.tables import STOCK_METRICS_VIEW
from soleflip_assets.validations import validation_checks

refresh_stock_metrics = dg.define_asset_job(
    "refresh_stock_metrics",
    # The freshness, so that its alert recovers at once; what else is watched of the view is for the day.
    selection=dg.AssetSelection.assets(STOCK_METRICS_VIEW.key).without_checks()
    | validation_checks(STOCK_METRICS_VIEW.key)
    | monitor_checks(FRESHNESS),
    description="Refresh inventory.stock_metrics_view, validate it and see that it is fresh.",
    config={"ops": {"inventory__stock_metrics_view": {"config": {"deploy": False}}}},
    executor_def=dg.in_process_executor,
    # A refresh takes seconds. One whose process was killed says nothing any more; Dagster then ends its run
    # after this long, and the schedule no longer waits for it.
    tags={"dagster/max_runtime": "3600"},
)

_OBSERVE = {
    "ops": {"inventory__stock_metrics_view": {"config": {"deploy": False, "refresh": False}}}
}

_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dg.schedule(
    name="hourly_stock_metrics_refresh",
    job=refresh_stock_metrics,
    cron_schedule="0 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Refresh the metrics at the top of every hour, unless a refresh is still at it. "
    "Where pg_cron does it, only record and check what it did.",
)
def hourly_stock_metrics_refresh(
    context: dg.ScheduleEvaluationContext, database: Database
) -> dg.RunRequest | dg.SkipReason:
    """Ask for a refresh, or say why not."""
    with database.connect() as connection:
        deployed = steps.VIEW[-1].name in ledger.entries(connection)
    if not deployed:
        return dg.SkipReason("Phase 2 is not deployed: run `soleflip deploy`.")
    unfinished = context.instance.get_runs(
        dg.RunsFilter(job_name=refresh_stock_metrics.name, statuses=_UNFINISHED), limit=1
    )
    if unfinished:
        return dg.SkipReason(f"The refresh of run {unfinished[0].run_id} is not finished yet.")
    if pg_cron.job(database.engine) is None:
        return dg.RunRequest(run_key=None)
    return dg.RunRequest(
        run_key=None, run_config=_OBSERVE, tags={"soleflip/refreshed_by": "pg_cron"}
    )


jobs = [refresh_stock_metrics]
schedules = [hourly_stock_metrics_refresh]
