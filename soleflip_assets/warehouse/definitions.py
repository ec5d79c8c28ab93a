"""What the warehouse adds to the code location."""

import dagster as dg

from soleflip_assets.warehouse.assets import warehouse_tables
from soleflip_assets.warehouse.checks import check_warehouse
from soleflip_assets.warehouse.jobs import (
    compare_warehouse,
    load_warehouse,
    rebuild_warehouse,
    schedules,
    sensors,
)

defs = dg.Definitions(
    assets=[warehouse_tables],
    asset_checks=[check_warehouse],
    jobs=[load_warehouse, rebuild_warehouse, compare_warehouse],
    schedules=schedules,
    sensors=sensors,
)
