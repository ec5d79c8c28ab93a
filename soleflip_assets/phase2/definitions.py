"""What the consolidation adds to the code location."""

import dagster as dg

from soleflip_assets.phase2.assets import assets, checks
from soleflip_assets.phase2.jobs import (
    deploy_phase2,
    drop_backup_tables,
    drop_legacy_tables,
    preflight_phase2,
    resync_stock,
    revert_phase2,
    verify_phase2,
)
from soleflip_assets.phase2.preference import Preference

defs = dg.Definitions(
    assets=assets,
    asset_checks=checks,
    resources={"preference": Preference()},
    jobs=[
        preflight_phase2,
        deploy_phase2,
        verify_phase2,
        revert_phase2,
        resync_stock,
        drop_legacy_tables,
        drop_backup_tables,
    ],
)
