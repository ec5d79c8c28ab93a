"""What the marts add to the code location."""

import dagster as dg

from soleflip_assets.marts.assets import dashboard_page, marts
from soleflip_assets.marts.jobs import build_marts, marts_after_load
from soleflip_assets.marts.weekly import send_weekly_figures, weekly_figures

defs = dg.Definitions(
    assets=[marts, dashboard_page],
    jobs=[build_marts, send_weekly_figures],
    schedules=[weekly_figures],
    sensors=[marts_after_load],
)
