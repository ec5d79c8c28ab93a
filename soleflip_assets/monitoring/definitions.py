"""What the monitors add to the code location."""

import dagster as dg

from soleflip_assets.monitoring.jobs import checks, jobs, schedules
from soleflip_assets.monitoring.watch import watch

defs = dg.Definitions(
    asset_checks=checks,
    jobs=jobs,
    schedules=schedules,
    sensors=[watch],
)
