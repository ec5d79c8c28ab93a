"""What the reservations add to the code location."""

import dagster as dg

from soleflip_assets.reservations.jobs import jobs, schedules

defs = dg.Definitions(
    jobs=jobs,
    schedules=schedules,
)
