"""When the marts are computed: after a load, or when somebody asks.

Here: the job and its sensor. Not here: what the marts are.
"""

import dagster as dg

from soleflip_assets.ground import deadlines
from soleflip_assets.marts.assets import DASHBOARD, key
from soleflip_assets.marts.catalogue import MARTS
from soleflip_assets.running.executor import in_process
from soleflip_assets.running.limits import Priority, run_tags
from soleflip_assets.running.lost import unfinished_run
from soleflip_assets.warehouse.jobs import load_warehouse, rebuild_warehouse

build_marts = dg.define_asset_job(
    "build_marts",
    selection=dg.AssetSelection.assets(*map(key, MARTS), DASHBOARD),
    description="Compute all marts from what the warehouse holds, check them, and draw the dashboard.",
    executor_def=in_process,
    tags=run_tags(deadlines.WATCH_RUN, Priority.WATCH),
)


@dg.run_status_sensor(
    name="marts_after_load",
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[load_warehouse, rebuild_warehouse],
    request_job=build_marts,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Compute the marts after each load of the warehouse, and draw the dashboard.",
)
def marts_after_load(context: dg.RunStatusSensorContext) -> dg.RunRequest | dg.SkipReason:
    """Ask for it, or say why not."""
    if run := unfinished_run(context.instance, build_marts.name):
        return dg.SkipReason(f"The marts are being computed by run {run.run_id}.")
    return dg.RunRequest(run_key=context.dagster_run.run_id)
