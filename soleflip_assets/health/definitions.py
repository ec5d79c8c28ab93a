"""What the health page adds to the code location."""

import dagster as dg

from soleflip_assets.health.sensor import all_is_well, health_sensor, spec

defs = dg.Definitions(assets=[spec], asset_checks=[all_is_well], sensors=[health_sensor])
