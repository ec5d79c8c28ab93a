"""The jobs that make no asset: taking Phase 2 back, drilling the restore, retiring the old tables.

Here: one op for each, and the job around it. Not here: how any of it is done.
"""

import dagster as dg

from soleflip_assets.database import OwnerDatabase
from soleflip_assets.phase2.restore import drill
from soleflip_assets.phase2.retirement import BACKUPS, LEGACY, retire
from soleflip_assets.phase2.revert import revert
from soleflip_assets.resources import Deployment


@dg.op
def take_back(context: dg.OpExecutionContext, deployment: Deployment) -> bool:
    """Take Phase 2 back.

    Returns:
        Whether there was anything to take back.
    """
    return revert(deployment.deployer(context.log.info))


@dg.job(
    description="Take Phase 2 back: the schema as it was, with everything that was written since.",
    executor_def=dg.in_process_executor,
)
def revert_phase2() -> None:
    """One step: a revert that died is gone on with."""
    take_back()


@dg.op
def restore_latest_dump(
    context: dg.OpExecutionContext, owner_database: OwnerDatabase
) -> dg.Output[str]:
    """Bring the latest dump back into a scratch database, prove it, drop it, record it.

    Returns:
        The SHA-256 of the dump.
    """
    restored = drill(owner_database.engine, context.log.info)
    return dg.Output(
        restored.manifest.sha256,
        metadata={
            "dump": restored.manifest.dump,
            "rows": restored.manifest.contents.rows,
            "tables": len(restored.manifest.contents.tables),
            "seconds": restored.seconds,
        },
    )


@dg.job(
    description="Prove that the latest dump can be restored: into a scratch database, then drop that.",
    executor_def=dg.in_process_executor,
)
def restore_drill() -> None:
    """One step."""
    restore_latest_dump()


class RetirementConfig(dg.Config):
    """How old tables are retired.

    Attributes:
        dry_run: ask the gates and say what would be dropped; drop nothing.
    """

    dry_run: bool = True


@dg.op
def retire_legacy_tables(
    context: dg.OpExecutionContext, config: RetirementConfig, deployment: Deployment
) -> bool:
    """Drop the legacy tables if every gate is open.

    Returns:
        Whether they were dropped.
    """
    return retire(deployment.deployer(context.log.info), LEGACY, dry_run=config.dry_run)


@dg.op
def retire_backup_tables(
    context: dg.OpExecutionContext, config: RetirementConfig, deployment: Deployment
) -> bool:
    """Drop the backups if every gate is open.

    Returns:
        Whether they were dropped.
    """
    return retire(deployment.deployer(context.log.info), BACKUPS, dry_run=config.dry_run)


@dg.job(
    description="Drop the legacy tables once every gate is open. A dry run unless configured otherwise.",
    executor_def=dg.in_process_executor,
)
def drop_legacy_tables() -> None:
    """One step: all three or none."""
    retire_legacy_tables()


@dg.job(
    description="Drop the backups once every gate is open. A dry run unless configured otherwise.",
    executor_def=dg.in_process_executor,
)
def drop_backup_tables() -> None:
    """One step: all three or none."""
    retire_backup_tables()


jobs = [revert_phase2, restore_drill, drop_legacy_tables, drop_backup_tables]
