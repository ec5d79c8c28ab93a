"""The jobs that make no asset: taking Phase 2 back, drilling the restore, retiring the old tables.

Here: one op for each, and the job around it. Not here: how any of it is done.
"""

import dagster as dg

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


jobs = [revert_phase2]
