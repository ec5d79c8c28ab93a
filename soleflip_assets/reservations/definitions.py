"""What the reservations add to the code location."""

import dagster as dg

from soleflip_assets.reservations.jobs import jobs, sensors

defs = dg.Definitions(
    jobs=jobs,
    sensors=sensors,
)
