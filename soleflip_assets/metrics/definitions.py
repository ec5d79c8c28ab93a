"""What the metrics add to the code location."""

import dagster as dg

from soleflip_assets.metrics.assets import assets, checks
from soleflip_assets.metrics.freshness import Freshness
from soleflip_assets.metrics.jobs import (
    compare_stock_metrics,
    refresh_stock_metrics,
    schedules,
    switch_metrics_mode,
)

defs: dg.Definitions


def __getattr__(name: str) -> dg.Definitions:
    """``defs``, made when it is asked for: the freshness that the UI shows depends on settings."""
    if name != "defs":
        raise AttributeError(name)
    return dg.Definitions(
        assets=[asset.map_asset_specs(_with_freshness) for asset in assets],
        asset_checks=checks,
        jobs=[refresh_stock_metrics, switch_metrics_mode, compare_stock_metrics],
        schedules=schedules,
    )


def _with_freshness(spec: dg.AssetSpec) -> dg.AssetSpec:
    freshness = Freshness.from_environment()
    policy = dg.FreshnessPolicy.time_window(warn_window=freshness.warn, fail_window=freshness.error)
    return spec.replace_attributes(freshness_policy=policy)
