"""The jobs of the consolidation."""

import dagster as dg

from soleflip_assets.phase2.assets import DUMP_KEY, REPORT_KEY
from soleflip_assets.tables import LEGACY_TABLES, STOCK, STOCK_METRICS_VIEW, backup_of

_TABLES = [*(backup_of(table).key for table in LEGACY_TABLES), STOCK.key, STOCK_METRICS_VIEW.key]
_validations = dg.AssetSelection.checks_for_assets(*_TABLES)

deploy_phase2 = dg.define_asset_job(
    "deploy_phase2",
    selection=dg.AssetSelection.assets(DUMP_KEY, *_TABLES, REPORT_KEY) | _validations,
    description="Dump, back up, consolidate, validate and report. Safe to run again.",
    executor_def=dg.in_process_executor,
)

verify_phase2 = dg.define_asset_job(
    "verify_phase2",
    selection=_validations,
    description="Run every validation of Phase 2 and change nothing.",
    executor_def=dg.in_process_executor,
)

jobs = [deploy_phase2, verify_phase2]
