"""The jobs of the log and its schedules: install, remove, make months, prune. Not here: how any is done."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg

from soleflip_assets.checks.monitors import monitor_checks
from soleflip_assets.deploying.deployment import Deployment
from soleflip_assets.ground import deadlines
from soleflip_assets.ground.resource import Database
from soleflip_assets.ground.settings import Settings
from soleflip_assets.ground.state_folder import StateFolder
from soleflip_assets.history.assets import asset_key
from soleflip_assets.history.checks import MONITORS
from soleflip_assets.history.install import install, remove
from soleflip_assets.history.log import LOGS, State, state_of
from soleflip_assets.history.prune import prune
from soleflip_assets.months.month import Month
from soleflip_assets.running.executor import in_process
from soleflip_assets.running.limits import Priority, run_tags
from soleflip_assets.running.lost import unfinished_run


@dg.op
def install_log(context: dg.OpExecutionContext, deployment: Deployment) -> bool:
    """Log every write to stock and reservations from now on.

    Returns:
        Whether there was anything to do.
    """
    done = install(deployment.deployer(context.log.info))
    context.log.info("every write is logged" if done else "it is installed, and all of it is there")
    return done


@dg.job(
    description="Log every write to stock and reservations from now on, beside a shop that goes on.",
    executor_def=in_process,
    tags=run_tags(deadlines.DEPLOYMENT, Priority.PERSON),
)
def install_history() -> None:
    """One step: an installation that died is resumed."""
    install_log()


class RemovalConfig(dg.Config):
    """How the log is removed.

    Attributes:
        dry_run: say whether it is installed; change nothing.
    """

    dry_run: bool = True


@dg.op
def remove_log(
    context: dg.OpExecutionContext, config: RemovalConfig, deployment: Deployment
) -> bool:
    """Stop logging; the events stay.

    Returns:
        Whether it was removed.
    """
    deployer = deployment.deployer(context.log.info)
    if config.dry_run:
        installed = state_of(deployer.connection).installed
        context.log.info(
            f"The log is {'' if installed else 'not '}installed. Nothing was changed, this is a dry run: run "
            "`soleflip history remove`, or launch this with dry_run set to false."
        )
        return False
    return remove(deployer)


@dg.job(
    description="Stop logging what is written to stock; the events stay. "
    "A dry run unless configured otherwise.",
    executor_def=in_process,
    tags=run_tags(deadlines.DEPLOYMENT, Priority.PERSON),
)
def remove_history() -> None:
    """One step."""
    remove_log()


class PruneConfig(dg.Config):
    """Which months leave the log.

    Attributes:
        keep_months: how many stay before the present one; None: as the environment has it, which keeps all
            where it does not say.
        dry_run: only say which would leave.
    """

    keep_months: int | None = None
    dry_run: bool = True


@dg.op
def prune_log(
    context: dg.OpExecutionContext,
    config: PruneConfig,
    deployment: Deployment,
    state: StateFolder,
) -> dg.Output[int]:
    """Archive the months that are older than they are to be kept, prove the files, drop the rows.

    Returns:
        Months that left.
    """
    keep = config.keep_months
    if keep is None:
        keep = Settings.from_environment().keep_history_months
    pruned = prune(
        deployment.deployer(context.log.info), keep, Path(state.archive), dry_run=config.dry_run
    )
    left = 0 if config.dry_run else len(pruned.months)
    return dg.Output(
        left,
        metadata={
            "dry_run": config.dry_run,
            "months": len(pruned.months),
            "events": pruned.rows,
            "bytes": pruned.bytes,
        },
    )


@dg.job(
    description="Archive old months of the log as Parquet, prove the files, and drop the months. "
    "A dry run unless configured otherwise.",
    executor_def=in_process,
    tags=run_tags(deadlines.DEPLOYMENT, Priority.HOUSEKEEPING),
)
def prune_history() -> None:
    """One step: a prune that died is resumed."""
    prune_log()


make_history_months = dg.define_asset_job(
    "make_history_months",
    selection=dg.AssetSelection.assets(*(asset_key(log) for log in LOGS)).without_checks()
    | monitor_checks(MONITORS),
    description="Make the months that the log will need, record what is in the present one, and check it.",
    executor_def=in_process,
    tags=run_tags(deadlines.WATCH_RUN, Priority.WATCH),
)


@dg.schedule(
    name="daily_history",
    job=make_history_months,
    cron_schedule="20 0 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Make months ahead, and record and check the present one, where the log is installed.",
)
def daily_history(
    context: dg.ScheduleEvaluationContext, database: Database
) -> dg.RunRequest | dg.SkipReason:
    """Ask for it, or say why not."""
    return _unless_busy(
        context,
        database,
        make_history_months.name,
        lambda state: dg.RunRequest(partition_key=Month.of(state.now).first_day.isoformat()),
    )


@dg.schedule(
    name="daily_history_prune",
    job=prune_history,
    cron_schedule="40 0 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Archive and drop months that are older than they are to be kept, where that is set.",
)
def daily_history_prune(
    context: dg.ScheduleEvaluationContext, database: Database
) -> dg.RunRequest | dg.SkipReason:
    """Ask for it, or say why not."""
    if Settings.from_environment().keep_history_months is None:
        return dg.SkipReason("SOLEFLIP_KEEP_HISTORY_MONTHS is not set: every month is kept.")
    config = {"ops": {"prune_log": {"config": {"dry_run": False}}}}
    return _unless_busy(
        context, database, prune_history.name, lambda _: dg.RunRequest(run_config=config)
    )


def _unless_busy(
    context: dg.ScheduleEvaluationContext,
    database: Database,
    job: str,
    request: Callable[[State], dg.RunRequest],
) -> dg.RunRequest | dg.SkipReason:
    with database.limited(lock=deadlines.WATCH_LOCK, statement=deadlines.WATCH) as connection:
        state = state_of(connection)
    if not state.installed:
        return dg.SkipReason("The log is not installed: run `soleflip history install`.")
    if run := unfinished_run(context.instance, job):
        return dg.SkipReason(f"Run {run.run_id} of {job} is not finished yet.")
    return request(state)


jobs = [install_history, remove_history, prune_history]
asset_jobs = [make_history_months]
schedules = [daily_history, daily_history_prune]
