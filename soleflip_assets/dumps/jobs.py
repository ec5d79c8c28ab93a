"""The restore drill as a job. Not here: how a dump is restored and proven (restore.py)."""

import dagster as dg

from soleflip_assets.dumps.restore import drill
from soleflip_assets.ground import deadlines
from soleflip_assets.ground.resource import OwnerDatabase
from soleflip_assets.ground.state_folder import StateFolder
from soleflip_assets.running.executor import in_process
from soleflip_assets.running.limits import Priority, run_tags


@dg.op
def restore_latest_dump(
    context: dg.OpExecutionContext, owner_database: OwnerDatabase, state: StateFolder
) -> dg.Output[str]:
    """Bring the latest dump back into a scratch database, prove it, drop it, record it.

    Returns:
        The SHA-256 of the dump.
    """
    restored = drill(owner_database.engine, context.log.info, state.dumps)
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
    executor_def=in_process,
    tags=run_tags(deadlines.DEPLOYMENT, Priority.PERSON),
)
def restore_drill() -> None:
    """One step."""
    restore_latest_dump()


jobs = [restore_drill]
