"""When the marts are computed: after a load, or when somebody asks.

Here: the job and its schedule. Not here: what the marts are.
"""

import dagster as dg

from soleflip_assets.ground import deadlines
from soleflip_assets.marts.assets import DASHBOARD, key
from soleflip_assets.marts.catalogue import MARTS, mart
from soleflip_assets.marts.dashboard import TODAY
from soleflip_assets.running.executor import in_process
from soleflip_assets.running.limits import Priority, run_tags
from soleflip_assets.running.lost import unfinished_run

_LOADED = dg.AssetKey(["warehouse", "stock_event"])

build_marts = dg.define_asset_job(
    "build_marts",
    selection=dg.AssetSelection.assets(*map(key, MARTS), DASHBOARD),
    description="Compute all marts from what the warehouse holds, check them, and draw the dashboard.",
    executor_def=in_process,
    tags=run_tags(deadlines.WATCH_RUN, Priority.WATCH),
)


@dg.schedule(
    name="hourly_marts",
    job=build_marts,
    cron_schedule="20 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Compute the marts after the warehouse was loaded.",
)
def hourly_marts(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Ask for it where something was loaded since."""
    if run := unfinished_run(context.instance, build_marts.name):
        return dg.SkipReason(f"The marts are being computed by run {run.run_id}.")
    loaded = _materialized(context.instance, _LOADED)
    if loaded is None:
        return dg.SkipReason("Nothing was loaded into the warehouse yet.")
    if loaded <= (_materialized(context.instance, key(mart(TODAY))) or 0):
        return dg.SkipReason("Nothing was loaded into the warehouse since.")
    return dg.RunRequest()


def _materialized(instance: dg.DagsterInstance, asset: dg.AssetKey) -> float | None:
    """When an asset was made last, in seconds since 1970."""
    event = instance.get_latest_materialization_event(asset)
    return event.timestamp if event else None
