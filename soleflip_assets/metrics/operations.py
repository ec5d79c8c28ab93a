"""The jobs that make no asset: keeping the view in another way, and comparing the read model with stock.

Here: one op for each, the job around it, and the comparison's schedule. Not here: how any of it is done.
"""

import dagster as dg

from soleflip_assets.database import Database, query_one
from soleflip_assets.metrics.assets import REFRESH_POOL
from soleflip_assets.metrics.mode import Mode, current_mode, switch
from soleflip_assets.phase2.deployer import DeploymentError
from soleflip_assets.resources import Deployment
from soleflip_assets.tables import STOCK_METRICS_VIEW


class ModeConfig(dg.Config):
    """How ``inventory.stock_metrics_view`` is to be kept.

    Attributes:
        mode: recompute all rows at each refresh, or those that changed.
    """

    mode: Mode


@dg.op(pool=REFRESH_POOL)
def keep_metrics(
    context: dg.OpExecutionContext, config: ModeConfig, deployment: Deployment
) -> bool:
    """Keep the view in the mode that is asked for.

    Returns:
        Whether it was kept in another one before.
    """
    try:
        switched = switch(deployment.deployer(context.log.info), config.mode)
    except DeploymentError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    context.log.info(
        f"inventory.stock_metrics_view is {config.mode}{'' if switched else ' already'}"
    )
    return switched


@dg.job(
    description="Keep inventory.stock_metrics_view in another way: materialized, or incremental.",
    executor_def=dg.in_process_executor,
)
def switch_metrics_mode() -> None:
    """One step: a switch that died is gone on with."""
    keep_metrics()


@dg.op(pool=REFRESH_POOL)
def compare_metrics(context: dg.OpExecutionContext, database: Database) -> None:
    """Compare the read model with stock, row for row, and repair what no trigger announced."""
    with database.connect() as connection:
        if current_mode(connection) is not Mode.INCREMENTAL:
            context.log.info("There is no read model: each refresh recomputes all rows.")
            return
        found = query_one(connection, "metrics/compare.sql")
    repaired = found["missing"] + found["wrong"] + found["phantom"]
    context.log.info(f"{repaired:,} rows were changed past the triggers; they are repaired")
    context.log_event(
        dg.AssetObservation(
            STOCK_METRICS_VIEW.key,
            metadata={name: found[name] for name in ("missing", "wrong", "phantom")},
        )
    )


@dg.job(
    description="Compare the read model of the metrics with inventory.stock, row for row, and repair it.",
    executor_def=dg.in_process_executor,
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
def daily_metrics_comparison(database: Database) -> dg.RunRequest | dg.SkipReason:
    """Ask for a comparison, or say why not."""
    with database.connect() as connection:
        if current_mode(connection) is not Mode.INCREMENTAL:
            return dg.SkipReason("There is no read model: each refresh recomputes all rows.")
    return dg.RunRequest()


jobs = [switch_metrics_mode, compare_stock_metrics]
schedules = [daily_metrics_comparison]
