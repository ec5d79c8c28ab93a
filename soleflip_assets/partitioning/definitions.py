"""What tables in partitions add to the code location."""

import dagster as dg

from soleflip_assets.partitioning.jobs import jobs, schedules
from soleflip_assets.partitioning.monitor import TABLES

defs = dg.Definitions(
    assets=[TABLES],
    jobs=jobs,
    schedules=schedules,
)
