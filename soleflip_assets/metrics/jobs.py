"""The jobs of the metrics and their schedules: refresh, switch the mode, compare the read model with stock.

Not here: how any of it is done.
"""

import dagster as dg

from soleflip_assets.deploying import ledger
from soleflip_assets.deploying.deployer import DeploymentError
from soleflip_assets.deploying.deployment import Deployment
from soleflip_assets.ground import deadlines
from soleflip_assets.ground.assets import key_of
from soleflip_assets.ground.database import query_one
from soleflip_assets.ground.resource import Database
from soleflip_assets.ground.tables import STOCK_METRICS_VIEW
from soleflip_assets.metrics import pg_cron
from soleflip_assets.metrics.assets import REFRESH_POOL
from soleflip_assets.metrics.mode import Mode, current_mode, switch
from soleflip_assets.running.executor import in_process
from soleflip_assets.running.limits import REPEATED, Priority, run_tags
from soleflip_assets.running.lost import unfinished_run

refresh_stock_metrics = dg.define_asset_job(
    "refresh_stock_metrics",
    # All of its checks, the monitors' too: the UI shows a check that did not run since the last
    # materialization as not evaluated, and so would turn a red one grey.
    selection=dg.AssetSelection.assets(key_of(STOCK_METRICS_VIEW))
    | dg.AssetSelection.checks_for_assets(key_of(STOCK_METRICS_VIEW)),
    description="Refresh inventory.stock_metrics_view and run all of its checks.",
    config={"ops": {"inventory__stock_metrics_view": {"config": {"deploy": False}}}},
    executor_def=in_process,
    tags=run_tags(deadlines.REFRESH, Priority.REFRESH),
)

_OBSERVE = {
    "ops": {"inventory__stock_metrics_view": {"config": {"deploy": False, "refresh": False}}}
}


@dg.schedule(
    name="hourly_stock_metrics_refresh",
    job=refresh_stock_metrics,
    cron_schedule="0 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Refresh the metrics at the top of every hour, unless a refresh is still at it. "
    "Where pg_cron does it, only record and check what it did; where the view is live, only check.",
)
def hourly_stock_metrics_refresh(
    context: dg.ScheduleEvaluationContext, database: Database
) -> dg.RunRequest | dg.SkipReason:
    """Ask for a refresh, or say why not."""
    with database.limited(lock=deadlines.WATCH_LOCK, statement=deadlines.WATCH) as connection:
        deployed_at = ledger.deployed_at(connection)
    if deployed_at is None:
        return dg.SkipReason("Phase 2 is not deployed: run `soleflip deploy`.")
    if run := unfinished_run(context.instance, refresh_stock_metrics.name):
        return dg.SkipReason(f"The refresh of run {run.run_id} is not finished yet.")
    if pg_cron.job(database.engine) is None:
        return dg.RunRequest(run_key=None, tags=REPEATED)
    return dg.RunRequest(
        run_key=None, run_config=_OBSERVE, tags={"soleflip/refreshed_by": "pg_cron"}
    )


class ModeConfig(dg.Config):
    """How ``inventory.stock_metrics_view`` is to be kept.

    Attributes:
        mode: recompute all rows at each refresh, those that changed, or none: a query computes what it reads.
        dry_run: say how it is kept now; change nothing.
    """

    mode: Mode = Mode.MATERIALIZED
    dry_run: bool = True


@dg.op(pool=REFRESH_POOL)
def switch_mode(context: dg.OpExecutionContext, config: ModeConfig, deployment: Deployment) -> bool:
    """Keep the view in the mode that is asked for.

    Returns:
        Whether it was kept in another one before.
    """
    deployer = deployment.deployer(context.log.info)
    if config.dry_run:
        context.log.info(
            f"inventory.stock_metrics_view is {current_mode(deployer.connection)}. Nothing was changed, this "
            f"is a dry run: run `soleflip metrics --mode {config.mode}`, or launch this with dry_run set to "
            "false."
        )
        return False
    try:
        switched = switch(deployer, config.mode)
    except DeploymentError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    context.log.info(
        f"inventory.stock_metrics_view is {config.mode}{'' if switched else ' already'}"
    )
    return switched


@dg.job(
    description="Keep inventory.stock_metrics_view in another way: materialized, incremental or live. "
    "A dry run unless configured otherwise.",
    executor_def=in_process,
    tags=run_tags(deadlines.DEPLOYMENT, Priority.PERSON),
)
def switch_metrics_mode() -> None:
    """One step: a switch that died is resumed."""
    switch_mode()


@dg.op(pool=REFRESH_POOL)
def compare_metrics(context: dg.OpExecutionContext, database: Database) -> None:
    """Compare the read model with stock, row for row, and repair what no trigger announced."""
    with database.connect() as connection:
        mode = current_mode(connection)
        if not mode.has_read_model:
            context.log.info(f"There is no read model: {mode.refresh}.")
            return
        found = query_one(connection, "metrics/compare.sql")
    repaired = found["missing"] + found["wrong"] + found["phantom"]
    context.log.info(f"{repaired:,} rows were changed past the triggers; they are repaired")
    context.log_event(
        dg.AssetObservation(
            key_of(STOCK_METRICS_VIEW),
            metadata={name: found[name] for name in ("missing", "wrong", "phantom")},
        )
    )


@dg.job(
    description="Compare the read model of the metrics with inventory.stock, row for row, and repair it.",
    executor_def=in_process,
    tags=run_tags(deadlines.WATCH_RUN, Priority.WATCH),
)
def compare_stock_metrics() -> None:
    """What it found is alerted by the check triggers_not_bypassed."""
    compare_metrics()


@dg.schedule(
    name="daily_metrics_comparison",
    job=compare_stock_metrics,
    # Half an hour before the daily watch, which looks at what this found.
    cron_schedule="0 5 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Compare the read model with stock, where there is one.",
)
def daily_metrics_comparison(
    context: dg.ScheduleEvaluationContext, database: Database
) -> dg.RunRequest | dg.SkipReason:
    """Ask for a comparison, or say why not."""
    with database.limited(lock=deadlines.WATCH_LOCK, statement=deadlines.WATCH) as connection:
        mode = current_mode(connection)
    if not mode.has_read_model:
        return dg.SkipReason(f"There is no read model: {mode.refresh}.")
    if run := unfinished_run(context.instance, compare_stock_metrics.name):
        return dg.SkipReason(f"The comparison of run {run.run_id} is not finished yet.")
    return dg.RunRequest()


schedules = [hourly_stock_metrics_refresh, daily_metrics_comparison]
