"""What Dagster loads. It gathers, and does nothing else."""

import dagster as dg

from soleflip_assets.alerts.sensor import alerts
from soleflip_assets.database import Database, OwnerDatabase
from soleflip_assets.housekeeping import jobs as housekeeping
from soleflip_assets.inventory import jobs as inventory
from soleflip_assets.metrics import assets as metrics
from soleflip_assets.metrics import jobs as metrics_jobs
from soleflip_assets.metrics import operations as metrics_operations
from soleflip_assets.monitoring import jobs as monitoring
from soleflip_assets.phase2 import assets as phase2
from soleflip_assets.phase2 import jobs as phase2_jobs
from soleflip_assets.phase2 import operations
from soleflip_assets.resources import Deployment, StateFolder
from soleflip_assets.settings import DAGSTER_STORAGE_URL, DATABASE_URL, HOME

# Everything by the clock works as the orchestrator; what deploys, retires or restores names the owner.
database = Database(url=dg.EnvVar(DATABASE_URL))
owner_database = OwnerDatabase(url=dg.EnvVar(DATABASE_URL))

defs = dg.Definitions(
    assets=[*phase2.assets, *metrics.assets],
    asset_checks=[*phase2.checks, *metrics.checks, *monitoring.checks],
    jobs=[
        *phase2_jobs.jobs,
        *operations.jobs,
        *metrics_jobs.jobs,
        *metrics_operations.jobs,
        *monitoring.jobs,
        *inventory.jobs,
        *housekeeping.jobs,
    ],
    schedules=[
        *metrics_jobs.schedules,
        *metrics_operations.schedules,
        *monitoring.schedules,
        *inventory.schedules,
        *housekeeping.schedules,
    ],
    sensors=[alerts],
    resources={
        "database": database,
        "owner_database": owner_database,
        "deployment": Deployment(owner_database=owner_database),
        "dagster_storage": Database(
            url=dg.EnvVar(DAGSTER_STORAGE_URL), variable=DAGSTER_STORAGE_URL
        ),
        "state": StateFolder(path=dg.EnvVar(HOME)),
    },
    executor=dg.in_process_executor,
)
