"""The consolidation as Dagster assets: what each is made of, and what a materialization shows.

Here: the graph and its metadata. Not here: how any of it is done; an asset calls one function for that.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
from sqlalchemy import Connection, RowMapping

from soleflip_assets.checks.shown import (
    OWNERS,
    accept_beta,
    markdown_table,
    metadata_of,
    outcome_metadata,
    sql_metadata,
    what_to_do,
)
from soleflip_assets.checks.validations import build_asset_checks
from soleflip_assets.deploying import ledger
from soleflip_assets.deploying.deployment import Deployment
from soleflip_assets.dumps.dump import Dump, take_dump
from soleflip_assets.ground.amounts import told_bytes
from soleflip_assets.ground.assets import column_lineage, column_schema, key_of, table_metadata
from soleflip_assets.ground.database import query_file, query_one
from soleflip_assets.ground.resource import Database, OwnerDatabase
from soleflip_assets.ground.sql_files import SqlFile
from soleflip_assets.ground.state_folder import StateFolder
from soleflip_assets.ground.tables import LEGACY_TABLES, STOCK, STOCK_METRICS_VIEW, Table, backup_of
from soleflip_assets.phase2 import steps
from soleflip_assets.phase2.adoption import found_in, state_of
from soleflip_assets.phase2.countdown import REPORT_KEY, count_down_to_retirement
from soleflip_assets.phase2.preference import Preference
from soleflip_assets.phase2.preflight import EXPECTATIONS, Finding, Preflight, run_preflight
from soleflip_assets.phase2.report import write_report

PREFLIGHT_KEY = dg.AssetKey(["phase2", "preflight"])
DUMP_KEY = dg.AssetKey(["operations", "database_dump"])
DUMP_STEP = "database_dump"


with accept_beta():

    @dg.multi_observable_source_asset(  # type: ignore[untyped-decorator]
        name="legacy_tables",
        can_subset=True,
        specs=[
            dg.AssetSpec(
                key_of(table),
                description=table.description,
                metadata={
                    **table_metadata(table),
                    **sql_metadata([SqlFile("legacy/01_schema.sql")]),
                },
                group_name="legacy",
                kinds={"postgres", "table"},
                owners=OWNERS,
            )
            for table in LEGACY_TABLES
        ],
    )
    def legacy_tables(
        context: dg.AssetExecutionContext, database: Database
    ) -> Iterator[dg.ObserveResult]:
        """Count the rows of the three legacy tables."""
        with database.connect() as connection:
            for row in _legacy_sizes(connection):
                key = dg.AssetKey(["inventory", row["name"]])
                if key in context.selected_asset_keys:
                    yield dg.ObserveResult(asset_key=key, metadata=_size_of(row))


def _legacy_sizes(connection: Connection) -> list[RowMapping]:
    """Rows and bytes of the legacy tables; nothing once they are retired."""
    if ledger.retired(connection, "drop_legacy_tables"):
        return []
    return query_file(connection, "monitoring/legacy_tables.sql")


def _size_of(row: RowMapping) -> dict[str, dg.MetadataValue[Any]]:
    return {
        "dagster/row_count": dg.MetadataValue.int(row["rows"]),
        "dagster/size_bytes": dg.MetadataValue.int(row["bytes"]),
    }


@dg.asset(
    key=PREFLIGHT_KEY,
    deps=[key_of(table) for table in LEGACY_TABLES],
    group_name="operations",
    kinds={"postgres", "markdown"},
    owners=OWNERS,
    description="What is known to go wrong, looked for before anything is changed.",
    metadata=sql_metadata([expectation.file for expectation in EXPECTATIONS]),
    check_specs=[
        dg.AssetCheckSpec(
            expectation.name,
            asset=PREFLIGHT_KEY,
            description=expectation.expected,
            # Only a check that fails with severity ERROR blocks, and only what stops is one.
            blocking=True,
        )
        for expectation in EXPECTATIONS
    ],
)
def preflight(
    context: dg.AssetExecutionContext,
    owner_database: OwnerDatabase,
    state: StateFolder,
    preference: Preference,
) -> Iterator[dg.MaterializeResult[None]]:
    """Run every expectation of sql/preflight; where none stops, say what a deployment would do."""
    with owner_database.connect() as connection:
        there, state_found = found_in(connection), state_of(connection)
        context.log.info(f"found: {state_found}")
        for part in there.parts:
            context.log.info(f"  {part}")
        found = run_preflight(connection, state.dumps, preference.side)
        foreseen = [] if found.stopping else steps.foresee(connection)
    # A step like any other is one of many; the log has them all.
    for outcome in foreseen:
        told = context.log.info if outcome.found or outcome.adopted else context.log.debug
        told(outcome.foreseen)
    for finding in found.findings:
        if finding.as_expected:
            continue
        if finding.passed:
            context.log.info(finding.summary)
        context.log.log("DEBUG" if finding.passed else "WARNING", str(finding))
    yield dg.MaterializeResult(
        metadata={
            "found": state_found,
            "parts": dg.MetadataValue.md("\n".join(f"- {part}" for part in there.parts)),
            "stops": len(found.stopping),
            "columns": dg.MetadataValue.md(_columns_table(found)),
            "steps_foreseen": sum(outcome.applied for outcome in foreseen),
            "steps": dg.MetadataValue.md("\n".join(f"- {one.foreseen}" for one in foreseen)),
        },
        check_results=[_check_result(finding) for finding in found.findings],
    )


def _columns_table(found: Preflight) -> str:
    parts = ("table", "column", "expected", "found", "verdict")
    return markdown_table(
        [part.capitalize() for part in parts],
        [[column[part] for part in parts] for column in found.columns],
    )


def _check_result(finding: Finding) -> dg.AssetCheckResult:
    severity = dg.AssetCheckSeverity.ERROR if finding.stops else dg.AssetCheckSeverity.WARN
    return dg.AssetCheckResult(
        passed=finding.passed,
        check_name=finding.question.name,
        severity=severity,
        description=None if finding.as_expected else finding.question.advice,
        metadata={
            **({} if finding.as_expected else {"what_to_do": what_to_do("preflight")}),
            "effect": finding.effect.value,
            **metadata_of(finding.observed),
        },
    )


@dg.asset(
    key=DUMP_KEY,
    deps=[PREFLIGHT_KEY, *(key_of(table) for table in LEGACY_TABLES)],
    group_name="operations",
    kinds={"postgres", "file"},
    owners=OWNERS,
    description="pg_dump of the whole database, taken before Phase 2 changes anything; a file of the folder "
    "`dumps` in SOLEFLIP_HOME.",
)
def database_dump(
    context: dg.AssetExecutionContext,
    owner_database: OwnerDatabase,
    deployment: Deployment,
    state: StateFolder,
) -> dg.MaterializeResult[None]:
    """Take the dump, once for a deployment; also look at the legacy tables before they change."""
    with owner_database.connect() as connection:
        for row in _legacy_sizes(connection):
            key = dg.AssetKey(["inventory", row["name"]])
            context.log_event(dg.AssetObservation(key, metadata=_size_of(row)))

    deployer = deployment.deployer(context.log.info)
    entry = deployer.entries.get(DUMP_STEP)
    if entry is None or entry["finished_at"] is None:
        with deployer.recorded(DUMP_STEP, checksum="") as details:
            dump = take_dump(owner_database.engine, state.dumps)
            details.update(_dump_details(dump))
        context.log.info(f"dumped {told_bytes(dump.bytes)} in {dump.seconds:.1f} s: {dump.path}")
        entry = deployer.entries[DUMP_STEP]
    taken_at: datetime = entry["started_at"]
    return dg.MaterializeResult(
        metadata={
            "file": Path(entry["details"]["path"]).name,
            "sha256": entry["details"]["sha256"],
            "dagster/size_bytes": entry["details"]["bytes"],
            "seconds": entry["details"]["seconds"],
            "taken_at": dg.MetadataValue.timestamp(taken_at.astimezone(UTC)),
        }
    )


def _dump_details(dump: Dump) -> dict[str, object]:
    return {
        "path": str(dump.path),
        "sha256": dump.sha256,
        "bytes": dump.bytes,
        "rows": dump.rows,
        "seconds": round(dump.seconds, 3),
    }


def _build_backup(source: Table) -> dg.AssetsDefinition:
    backup = backup_of(source)
    file = steps.BACKUP_FILES[backup.name]

    @dg.asset(
        key=key_of(backup),
        deps=[key_of(source), DUMP_KEY],
        group_name="backups",
        kinds={"postgres", "table"},
        owners=OWNERS,
        description=backup.description,
        metadata={**table_metadata(backup), **sql_metadata([file])},
    )
    def build(
        context: dg.AssetExecutionContext, database: Database, deployment: Deployment
    ) -> dg.MaterializeResult[None]:
        outcomes = steps.deploy_backup(deployment.deployer(context.log.info), backup.name)
        with database.connect() as connection:
            copies = query_file(connection, "report/backups.sql")
            retired = ledger.retired(connection, "drop_backup_tables")
        copied = [row for row in copies if row["backup"] == f"inventory.{backup.name}"]
        return dg.MaterializeResult(
            metadata={
                **{name: value for row in copied for name, value in _size_of(row).items()},
                **({"content": copied[0]["content"]} if copied else {}),
                **({"state": ledger.told_retired(retired)} if retired else {}),
                **outcome_metadata(outcomes),
                "dagster/column_schema": column_schema(backup),
                "dagster/column_lineage": column_lineage(backup),
            }
        )

    return build


@dg.asset(
    key=key_of(STOCK),
    deps=[key_of(backup_of(table)) for table in LEGACY_TABLES],
    group_name="inventory",
    kinds={"postgres", "table"},
    owners=OWNERS,
    description=STOCK.description,
    metadata={**table_metadata(STOCK), **sql_metadata(steps.STOCK_FILES)},
)
def stock(
    context: dg.AssetExecutionContext,
    database: Database,
    deployment: Deployment,
    preference: Preference,
) -> dg.MaterializeResult[None]:
    """Add the three columns, keep old and new in step, backfill, build the three indexes."""
    outcomes, progress = steps.deploy_stock(deployment.deployer(context.log.info), preference.side)
    with database.connect() as connection:
        summary = query_one(connection, "report/stock.sql")
    return dg.MaterializeResult(
        metadata={
            **_size_of(summary),
            "rows_with_listings": summary["rows_with_listings"],
            "rows_with_history": summary["rows_with_history"],
            "rows_reserved": summary["rows_reserved"],
            "backfill_visited": progress.visited,
            "backfill_changed": progress.changed,
            **outcome_metadata(outcomes),
            "dagster/column_schema": column_schema(STOCK),
            "dagster/column_lineage": column_lineage(STOCK),
        }
    )


@dg.asset(
    key=REPORT_KEY,
    deps=[key_of(STOCK_METRICS_VIEW)],
    # Not with the dump in operations: two groups would then be upstream of each other in the UI.
    group_name="reports",
    kinds={"markdown"},
    owners=OWNERS,
    description="What the deployment changed, how that was proven, and the way back; all measured. The same "
    "text is a file of the folder `reports` in SOLEFLIP_HOME.",
)
def deployment_report(
    context: dg.AssetExecutionContext, database: Database, state: StateFolder
) -> dg.MaterializeResult[None]:
    """Write the report to a file and show it."""
    with database.connect() as connection:
        path = write_report(connection, state.reports, context.run.run_id)
    return dg.MaterializeResult(
        metadata={
            "report": dg.MetadataValue.md(path.read_text(encoding="utf-8")),
            "file": path.name,
        }
    )


backups = [_build_backup(table) for table in LEGACY_TABLES]
checks = [
    *(build_asset_checks(key_of(backup_of(table))) for table in LEGACY_TABLES),
    build_asset_checks(key_of(STOCK)),
    count_down_to_retirement,
]
assets = [legacy_tables, preflight, database_dump, *backups, stock, deployment_report]
