"""The jobs that materialize and check the consolidation. Reverting and retiring are operations.py's."""

import dagster as dg

from soleflip_assets.phase2.assets import DUMP_KEY, PREFLIGHT_KEY, REPORT_KEY
from soleflip_assets.tables import LEGACY_TABLES, STOCK, STOCK_METRICS_VIEW, backup_of
from soleflip_assets.validations import validation_checks

_TABLES = [*(backup_of(table).key for table in LEGACY_TABLES), STOCK.key, STOCK_METRICS_VIEW.key]
_validations = validation_checks(*_TABLES)
_preflight_checks = dg.AssetSelection.checks_for_assets(PREFLIGHT_KEY)

check_phase2 = dg.define_asset_job(
    "check_phase2",
    selection=dg.AssetSelection.assets(PREFLIGHT_KEY) | _preflight_checks,
    description="Look for all that is known to stop a deployment and change nothing.",
    executor_def=dg.in_process_executor,
)

deploy_phase2 = dg.define_asset_job(
    "deploy_phase2",
    selection=dg.AssetSelection.assets(PREFLIGHT_KEY, DUMP_KEY, *_TABLES, REPORT_KEY)
    | _preflight_checks
    | dg.AssetSelection.checks_for_assets(*_TABLES),
    description="Look for trouble, dump, back up, consolidate, validate and report. Safe to run again.",
    executor_def=dg.in_process_executor,
)


verify_phase2 = dg.define_asset_job(
    "verify_phase2",
    selection=_validations,
    description="Run every validation of Phase 2 and change nothing.",
    executor_def=dg.in_process_executor,
)

jobs = [check_phase2, deploy_phase2, verify_phase2]
