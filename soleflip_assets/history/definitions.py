"""What the log of stock adds to the code location."""

import dagster as dg

from soleflip_assets.history.assets import assets
from soleflip_assets.history.checks import checks
from soleflip_assets.history.jobs import asset_jobs, jobs, schedules

defs = dg.Definitions(
    assets=assets, asset_checks=checks, jobs=[*jobs, *asset_jobs], schedules=schedules
)
