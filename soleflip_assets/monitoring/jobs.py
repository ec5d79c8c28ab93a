"""What is looked at when: most things daily, some weekly, by runs; what cannot wait, by watch.py's sensor.

Here: checks, jobs and schedules. Not here: what a check looks at.
"""

import dagster as dg

from soleflip_assets.checks.monitors import build_monitors, monitor_checks, monitor_of_file
from soleflip_assets.checks.validations import validation_checks
from soleflip_assets.deploying import ledger
from soleflip_assets.ground import deadlines
from soleflip_assets.ground.assets import key_of
from soleflip_assets.ground.resource import Database
from soleflip_assets.ground.tables import LEGACY_TABLES, STOCK, STOCK_METRICS_VIEW, backup_of
from soleflip_assets.monitoring import drift, plans
from soleflip_assets.monitoring.watch import WATCHED
from soleflip_assets.partitioning import monitor as partitions
from soleflip_assets.phase2 import countdown
from soleflip_assets.running.executor import in_process
from soleflip_assets.running.limits import Priority, run_tags
from soleflip_assets.running.lost import unfinished_run

DAILY = [
    monitor_of_file("reservations_match_ledger"),
    *drift.MONITORS,
    plans.MONITOR,
    monitor_of_file("vacuum_keeps_up"),
    monitor_of_file("view_not_bloated"),
    monitor_of_file("refresh_duration_steady"),
    monitor_of_file("triggers_not_bypassed"),
    monitor_of_file("no_foreign_code"),
    partitions.MONITOR,
]

# Nobody writes there, and comparing them reads all of them.
_BACKUPS = [key_of(backup_of(table)) for table in LEGACY_TABLES]

WEEKLY = [monitor_of_file("index_usage")]

MONITORS = [*WATCHED, *DAILY, *WEEKLY]

checks = [
    *build_monitors("monitor_always", WATCHED),
    *build_monitors("monitor_daily", DAILY),
    *build_monitors("monitor_weekly", WEEKLY),
]

watch_daily = dg.define_asset_job(
    "watch_daily",
    selection=monitor_checks(DAILY)
    | validation_checks(key_of(STOCK), key_of(STOCK_METRICS_VIEW))
    | countdown.SELECTION,
    description="Look for inconsistent data, a changed schema, slow plans and what grows unnoticed.",
    executor_def=in_process,
    tags=run_tags(deadlines.WATCH_RUN, Priority.WATCH),
)

watch_weekly = dg.define_asset_job(
    "watch_weekly",
    selection=monitor_checks(WEEKLY) | validation_checks(*_BACKUPS),
    description="Report what each index costs and gives, and compare the backups with what was copied.",
    executor_def=in_process,
    tags=run_tags(deadlines.WATCH_RUN, Priority.WATCH),
)

jobs = [watch_daily, watch_weekly]


def _schedule(name: str, job: str, cron: str, description: str) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=name,
        job_name=job,
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=description,
    )
    def evaluate(
        context: dg.ScheduleEvaluationContext, database: Database
    ) -> dg.RunRequest | dg.SkipReason:
        with database.limited(lock=deadlines.WATCH_LOCK, statement=deadlines.WATCH) as connection:
            deployed_at = ledger.deployed_at(connection)
        if deployed_at is None:
            return dg.SkipReason("Phase 2 is not deployed: run `soleflip deploy`.")
        if run := unfinished_run(context.instance, job):
            return dg.SkipReason(f"Run {run.run_id} of {job} is not finished yet.")
        return dg.RunRequest()

    return evaluate


schedules = [
    _schedule(
        "daily_watch",
        watch_daily.name,
        "30 5 * * *",
        "See whether data and schema are right and queries fast, and how long the old tables stay.",
    ),
    _schedule(
        "weekly_watch",
        watch_weekly.name,
        "0 6 * * 1",
        "Report what each index costs and gives, and prove the backups.",
    ),
]
