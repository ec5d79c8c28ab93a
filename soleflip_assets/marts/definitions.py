"""What the marts add to the code location."""

import dagster as dg

from soleflip_assets.marts.assets import dashboard_page, marts
from soleflip_assets.marts.jobs import build_marts, hourly_marts
from soleflip_assets.marts.weekly import send_weekly_figures, weekly_figures

defs = dg.Definitions(
    assets=[marts, dashboard_page],
    jobs=[build_marts, send_weekly_figures],
    schedules=[hourly_marts, weekly_figures],
)
