"""What the metrics add to the code location."""

import dagster as dg

from soleflip_assets.metrics.assets import assets, checks
from soleflip_assets.metrics.jobs import (
    compare_stock_metrics,
    refresh_stock_metrics,
    schedules,
    switch_metrics_mode,
)

defs = dg.Definitions(
    assets=assets,
    asset_checks=checks,
    jobs=[refresh_stock_metrics, switch_metrics_mode, compare_stock_metrics],
    schedules=schedules,
)
