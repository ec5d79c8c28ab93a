"""What housekeeping adds to the code location."""

import dagster as dg

from soleflip_assets.housekeeping.jobs import jobs, schedules

defs = dg.Definitions(
    jobs=jobs,
    schedules=schedules,
)
