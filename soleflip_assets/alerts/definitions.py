"""What the alerts add to the code location."""

import dagster as dg

from soleflip_assets.alerts.sensor import alerts

defs = dg.Definitions(
    sensors=[alerts],
)
