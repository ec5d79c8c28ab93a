"""The jobs of Phase 2: look before, deploy, verify, revert, retire.

Here: which assets and checks a job is made of, and one op for what makes no asset. Not here: how any of it is
done.
"""

import dagster as dg
from pydantic import Field

from soleflip_assets.checks.validations import validation_checks
from soleflip_assets.deploying.deployment import Deployment
from soleflip_assets.ground import deadlines
from soleflip_assets.ground.assets import key_of
from soleflip_assets.ground.state_folder import StateFolder
from soleflip_assets.ground.tables import LEGACY_TABLES, STOCK, STOCK_METRICS_VIEW, backup_of
from soleflip_assets.phase2.assets import DUMP_KEY, PREFLIGHT_KEY
from soleflip_assets.phase2.countdown import REPORT_KEY
from soleflip_assets.phase2.resync import Resynced, resync, write_record
from soleflip_assets.phase2.retirement import BACKUP_RETIREMENT, LEGACY_RETIREMENT, retire
from soleflip_assets.phase2.revert import revert
from soleflip_assets.running.executor import in_process
from soleflip_assets.running.limits import Priority, run_tags

_TABLES = [
    *(key_of(backup_of(table)) for table in LEGACY_TABLES),
    key_of(STOCK),
    key_of(STOCK_METRICS_VIEW),
]
_validations = validation_checks(*_TABLES)
_preflight_checks = dg.AssetSelection.checks_for_assets(PREFLIGHT_KEY)

preflight_phase2 = dg.define_asset_job(
    "preflight_phase2",
    selection=dg.AssetSelection.assets(PREFLIGHT_KEY) | _preflight_checks,
    description="Before a deployment: look for all that is known to stop one, and change nothing.",
    executor_def=in_process,
    tags=run_tags(deadlines.DEPLOYMENT, Priority.PERSON),
)

deploy_phase2 = dg.define_asset_job(
    "deploy_phase2",
    selection=dg.AssetSelection.assets(PREFLIGHT_KEY, DUMP_KEY, *_TABLES, REPORT_KEY)
    | _preflight_checks
    | dg.AssetSelection.checks_for_assets(*_TABLES),
    description="Look for trouble, dump, back up, consolidate, validate and report. Safe to run again.",
    executor_def=in_process,
    tags=run_tags(deadlines.DEPLOYMENT, Priority.PERSON),
)


verify_phase2 = dg.define_asset_job(
    "verify_phase2",
    selection=_validations,
    description="After a deployment: run every validation, and change nothing.",
    executor_def=in_process,
    tags=run_tags(deadlines.DEPLOYMENT, Priority.PERSON),
)


class RevertConfig(dg.Config):
    """How Phase 2 is taken back.

    Attributes:
        dry_run: say whether something stands in the way; change nothing.
        remake_legacy: where the legacy tables are retired, make them again from what stock holds.
    """

    dry_run: bool = True
    remake_legacy: bool = False


@dg.op
def undo_phase2(
    context: dg.OpExecutionContext, config: RevertConfig, deployment: Deployment
) -> bool:
    """Take Phase 2 back.

    Returns:
        Whether anything was taken back.
    """
    return revert(
        deployment.deployer(context.log.info),
        dry_run=config.dry_run,
        remake_legacy=config.remake_legacy,
    )


@dg.job(
    description="Take Phase 2 back: the schema as it was, with everything that was written since. "
    "A dry run unless configured otherwise.",
    executor_def=in_process,
    tags=run_tags(deadlines.DEPLOYMENT, Priority.PERSON),
)
def revert_phase2() -> None:
    """One step: a revert that died is resumed."""
    undo_phase2()


class ResyncConfig(dg.Config):
    """Which stock rows are carried again to wherever they differ.

    Attributes:
        stock_ids: their ids; all that differ if none are named.
        dry_run: say what differs; change nothing.
    """

    stock_ids: list[str] = Field(default_factory=list)
    dry_run: bool = True


@dg.op
def carry_again(
    context: dg.OpExecutionContext,
    config: ResyncConfig,
    deployment: Deployment,
    state: StateFolder,
) -> dg.Output[Resynced]:
    """Carry stock rows again to wherever they differ.

    Returns:
        What was carried, and what a person has to decide.
    """
    result = resync(deployment.deployer(context.log.info), config.stock_ids, dry_run=config.dry_run)
    for one in result.cured:
        context.log.debug(str(one))
    for one in result.left:
        context.log.warning(str(one))
    record = None
    if not config.dry_run and (result.cured or result.left):
        record = write_record(result, state.reports, context.run_id)
    return dg.Output(
        result,
        metadata={
            "dry_run": config.dry_run,
            "stock_rows": result.rows,
            "facts": len(result.cured),
            "left": len(result.left),
            "read_model_rows": result.read_model or 0,
            **({"record": record.name} if record else {}),
        },
    )


@dg.job(
    description="Carry stock rows again to wherever they differ, after somebody wrote past the triggers. "
    "A dry run unless configured otherwise.",
    executor_def=in_process,
    tags=run_tags(deadlines.DEPLOYMENT, Priority.PERSON),
)
def resync_stock() -> None:
    """One step: what was carried stays, and the next run does the rest."""
    carry_again()


class RetirementConfig(dg.Config):
    """How old tables are retired.

    Attributes:
        dry_run: ask the gates and say what would be dropped; drop nothing.
    """

    dry_run: bool = True


class LegacyRetirementConfig(RetirementConfig):
    """How the legacy tables are retired.

    Attributes:
        rewrite_views: give the views that read them the same rows from stock, also in a dry run, which drops
            nothing.
    """

    rewrite_views: bool = False


@dg.op
def retire_legacy_tables(
    context: dg.OpExecutionContext, config: LegacyRetirementConfig, deployment: Deployment
) -> bool:
    """Drop the legacy tables if every gate is open.

    Returns:
        Whether they were dropped.
    """
    return retire(
        deployment.deployer(context.log.info),
        LEGACY_RETIREMENT,
        dry_run=config.dry_run,
        rewrite_views=config.rewrite_views,
    )


@dg.op
def retire_backup_tables(
    context: dg.OpExecutionContext, config: RetirementConfig, deployment: Deployment
) -> bool:
    """Drop the backups if every gate is open.

    Returns:
        Whether they were dropped.
    """
    return retire(deployment.deployer(context.log.info), BACKUP_RETIREMENT, dry_run=config.dry_run)


@dg.job(
    description="Drop the legacy tables once every gate is open. A dry run unless configured otherwise.",
    executor_def=in_process,
    tags=run_tags(deadlines.DEPLOYMENT, Priority.PERSON),
)
def drop_legacy_tables() -> None:
    """One step: all three or none."""
    retire_legacy_tables()


@dg.job(
    description="Drop the backups once every gate is open. A dry run unless configured otherwise.",
    executor_def=in_process,
    tags=run_tags(deadlines.DEPLOYMENT, Priority.PERSON),
)
def drop_backup_tables() -> None:
    """One step: all three or none."""
    retire_backup_tables()
